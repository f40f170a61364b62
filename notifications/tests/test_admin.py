"""The page of background jobs: the manager's own practice's, the superuser's installation, and "Run again"."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.events import AuditEvent
from audit.models import Event
from core.tenancy.scope import installation_scope
from notifications.jobs.registry import KINDS
from notifications.models import Job, JobState, Webhook
from notifications.tests.factories import DeliveryFactory
from notifications.tests.kinds import made_up

LIST = reverse("admin:notifications_job_changelist")


def failed(practice, name, state=JobState.FAILED):
    with installation_scope():
        error = "ValueError (x.py:1)"
        return Job.objects.create(
            practice=practice, name=name, state=state, finished_at=timezone.now(), last_error=error
        )


@pytest.fixture
def jobs(practice, other_practice):
    made = {"own": failed(practice, "own.job"), "foreign": failed(other_practice, "foreign.job")}
    return {**made, "installation": failed(None, "installation.job", JobState.UNCERTAIN)}


def test_manager_sees_the_own_practices_jobs(enter_as, jobs):
    client = enter_as("admin")
    page = client.get(LIST).content.decode()
    assert "own.job" in page and "No worker has run yet" in page
    assert "foreign.job" not in page and "installation.job" not in page
    for name in ("foreign", "installation"):
        page = client.get(reverse("admin:notifications_job_change", args=[jobs[name].pk]))
        again = client.post(reverse("admin:notifications_job_run_again", args=[jobs[name].pk]))
        assert (page.status_code, again.status_code) == (404, 404)


def test_jobs_are_named_in_words_and_each_has_them(enter_as, practice):
    unnamed = [name for name, kind in KINDS.items() if not kind.title]
    assert unnamed == [], 'say what it does as its second argument: @job("app.verb", _("Title"))'
    failed(practice, "messages.send_due")
    client = enter_as("admin")
    page = client.get(LIST).content.decode()
    assert "Send messages that are due" in page and "messages.send_due" not in page
    page = client.get(LIST, headers={"Accept-Language": "de"}).content.decode()
    assert "Fällige Nachrichten senden" in page


def test_superuser_sees_the_installations_too(client, superuser, practice, jobs):
    client.force_login(superuser)
    client.post(reverse("admin:pick_practice"), {"practice": practice.pk})
    page = client.get(LIST).content.decode()
    assert "own.job" in page and "installation.job" in page and "foreign.job" not in page
    page = client.get(reverse("admin:notifications_job_change", args=[jobs["installation"].pk])).content.decode()
    assert "Run it again only if it may happen twice." in page


def test_failed_job_is_run_again_by_a_button_and_the_trail_has_it(enter_as, jobs):
    client = enter_as("admin")
    page = client.get(reverse("admin:notifications_job_change", args=[jobs["own"].pk])).content.decode()
    assert "Run again" in page

    answer = client.post(reverse("admin:notifications_job_run_again", args=[jobs["own"].pk]), follow=True)

    assert "The job will run in a moment." in answer.content.decode()
    with made_up(lambda: None, "own.job"), installation_scope():
        assert Job.objects.get(pk=jobs["own"].pk).state == JobState.WAITING
        event = Event.objects.get(kind=AuditEvent.JOB_RUN_AGAIN)
        assert (event.about_id, event.user_id) == (jobs["own"].pk, client.user.pk)


def test_staff_sees_no_jobs(enter_as, jobs):
    assert enter_as("staff").get(LIST).status_code == 403


def test_manager_adds_a_webhook_and_sees_its_secret_once(enter_as, scope):
    client = enter_as("admin")
    form = {"url": "https://hooks.example.org/in?key=1", "events": ["appointment.changed", "patient.changed"]}
    page = client.post(reverse("admin:notifications_webhook_add"), form).content.decode()
    hook = Webhook.objects.get()
    assert hook.secret in page and hook.events == form["events"]

    DeliveryFactory(webhook=hook)
    address = reverse("admin:notifications_webhook_change", args=[hook.pk])
    page = client.get(address).content.decode()
    assert "The answer was 500." in page and "Appointment changed" in page
    assert "Make a new secret" in page and "Remove this webhook" in page
    assert hook.secret not in page

    rotated = client.post(reverse("admin:notifications_webhook_rotate_secret", args=[hook.pk])).content.decode()
    assert Webhook.objects.get().secret in rotated
    client.post(reverse("admin:notifications_webhook_remove", args=[hook.pk]))
    assert Webhook.objects.count() == 0


def test_wrong_address_is_said_beside_the_field(enter_as, scope):
    form = {"url": "https://10.0.0.1/", "events": ["appointment.changed"]}
    page = enter_as("admin").post(reverse("admin:notifications_webhook_add"), form).content.decode()
    assert "Enter an address that begins with https:// and is public." in page
