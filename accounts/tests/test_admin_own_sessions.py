"""The page of one's own sessions in the admin site."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import LoginSession, RevocationReason
from accounts.tests.trail import logged_events
from audit.events import AuditEvent

PAGE = "/admin/sessions/"


def end_of(session):
    return reverse("admin:own_sessions_end", args=[session.pk])


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_own_sessions_page_lists_sessions(enter_as, client_of, make_user, role):
    client = enter_as(role)
    client_of(client.user)
    client_of(make_user("doctor"))

    rows = client.get(PAGE).context["rows"]

    assert sorted((session.user_id, session.channel) for session, _ in rows) == [
        (client.user.pk, "admin_site"),
        (client.user.pk, "api"),
    ]
    assert client.get(PAGE).content.decode().count("This device") == 1


@pytest.mark.django_db(transaction=True)
def test_ending_one_session_keeps_the_others(enter_as, client_of):
    client = enter_as("staff")
    lost, kept = client_of(client.user), client_of(client.user)
    assert (lost.get("/api/users/me").status_code, kept.get("/api/users/me").status_code) == (200, 200)
    session = LoginSession.objects.filter(user=client.user, channel="api").earliest("created_at")

    assert client.post(end_of(session)).url == PAGE

    assert (lost.get("/api/users/me").status_code, kept.get("/api/users/me").status_code) == (401, 200)
    assert client.get(PAGE).status_code == 200
    assert client.post(end_of(session)).status_code == 404
    (event,) = logged_events(AuditEvent.SESSION_ENDED)
    assert (event.user_id, event.details["reason"]) == (client.user.pk, RevocationReason.ENDED_ELSEWHERE)


@pytest.mark.django_db(transaction=True)
def test_all_others_end_at_once(enter_as, client_of):
    client = enter_as("admin")
    others = [client_of(client.user) for _ in range(2)]

    assert "Signed out of 2 other sessions." in client.post(f"{PAGE}end-others/", follow=True).content.decode()

    assert [other.get("/api/users/me").status_code for other in others] == [401, 401]
    assert client.get("/admin/").status_code == 200


def test_another_users_session_does_not_end(enter_as, client_of, make_user):
    client, colleague = enter_as("admin"), make_user("staff")
    client_of(colleague)

    assert client.post(end_of(LoginSession.objects.get(user=colleague))).status_code == 404
    client.post(f"{PAGE}end-others/")

    assert LoginSession.objects.live().filter(user=colleague).exists()


def test_superuser_needs_no_practice_for_it(superuser, client):
    client.force_login(superuser)

    assert client.get(PAGE).status_code == 200
    assert client.post(f"{PAGE}end-others/").status_code == 302


def test_own_session_actions_require_csrf_token(enter_as):
    client = enter_as("admin")
    assert client.get(f"{PAGE}end-others/").status_code == 405
    assert Client().get(PAGE).status_code == 302

    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(f"{PAGE}end-others/").status_code == 403
