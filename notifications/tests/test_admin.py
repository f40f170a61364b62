"""The page of background jobs: the manager's own practice's, the superuser's installation, and "Run again"."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.events import AuditEvent
from audit.models import Event
from core.tenancy.scope import installation_scope
from notifications.models import Job, JobState
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
