"""The page of a person: their office, an end to their sessions, and an end to a second factor they have lost."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Authenticator, LoginSession, RevocationReason, User
from accounts.tests.trail import logged_events
from audit.events import AuditEvent
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.admin_forms import errors_of, page_of, send


def end_of(person):
    return reverse("admin:accounts_user_end_sessions", args=[person.pk])


def reset_of(person):
    return reverse("admin:accounts_user_reset_second_factor", args=[person.pk])


def with_app(person):
    Authenticator.objects.create(user=person, secret="JBSWY3DPEHPK3PXP", confirmed_at=timezone.now())


# --- The office


def test_persons_office_is_one_of_the_practices(enter_as, own, foreign):
    client = enter_as("admin")

    page = client.get(page_of(own.doctor)).content.decode()
    assert own.office.name in page
    assert foreign.office.name not in page
    assert send(client, own.doctor, office=str(own.office.pk)).status_code == 302
    assert User.all_practices.get(pk=own.doctor.pk).office_id == own.office.pk

    assert set(errors_of(send(client, own.doctor, office=str(foreign.office.pk)))) == {"office"}
    assert send(client, own.doctor, office=None).status_code == 302
    assert User.all_practices.get(pk=own.doctor.pk).office_id is None


# --- The list


def test_list_is_of_people_and_shows_their_office_and_who_has_a_second_factor(enter_as, own):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        User.objects.filter(pk=own.doctor.pk).update(office=own.office)
    with_app(own.doctor)

    page = client.get(reverse("admin:accounts_user_changelist"))

    rows = {person.pk: person for person in page.context["cl"].result_list}
    assert (rows[own.doctor.pk].has_second_factor, rows[client.user.pk].has_second_factor) == (True, False)
    text = " ".join(page.content.decode().split())
    assert "Office Ownwood" in text and "Two-step verification" in text and f"{len(rows)} people" in text
    assert "Is active" not in text and "users" not in text.lower().replace("/accounts/user", "")


# --- Sessions


@pytest.mark.django_db(transaction=True)
def test_all_sessions_of_a_colleague_end(enter_as, client_of, own):
    client, desk = enter_as("admin"), enter_as("staff")
    api = client_of(desk.user)
    assert (api.get("/api/users/me").status_code, desk.get("/admin/").status_code) == (200, 200)
    assert "Signed in on 2 devices." in client.get(page_of(desk.user)).content.decode()

    answer = client.post(end_of(desk.user), follow=True)

    assert "Signed out everywhere." in answer.content.decode()
    assert "Signed in on 0 devices." in answer.content.decode()
    assert (api.get("/api/users/me").status_code, desk.get("/admin/").status_code) == (401, 302)
    reasons = LoginSession.objects.filter(user=desk.user).values_list("revocation_reason", flat=True)
    assert list(reasons) == [RevocationReason.ENDED_BY_ADMIN] * 2
    (event,) = logged_events(AuditEvent.ALL_SESSIONS_ENDED)
    assert (event.user_id, event.about_id) == (client.user.pk, desk.user.pk)
    assert {event.user_id for event in logged_events(AuditEvent.SESSION_ENDED)} == {client.user.pk}


@pytest.mark.django_db(transaction=True)
def test_ending_own_sessions_keeps_current_one(enter_as, client_of, own):
    client = enter_as("admin")
    api = client_of(client.user)

    answer = client.post(end_of(client.user), follow=True)

    assert "Signed out everywhere else." in answer.content.decode()
    assert api.get("/api/users/me").status_code == 401
    assert client.get("/admin/").status_code == 200


# --- The second factor


def test_lost_second_factor_is_removed(enter_as, client_of, own):
    client = enter_as("admin")
    assert "Turn off two-step verification" not in client.get(page_of(own.doctor)).content.decode()
    with_app(own.doctor)
    client_of(own.doctor)
    assert "Two-step verification: Authenticator app" in client.get(page_of(own.doctor)).content.decode()

    answer = client.post(reset_of(own.doctor), follow=True)

    assert "Two-step verification was turned off." in answer.content.decode()
    assert not Authenticator.objects.filter(user=own.doctor).exists()
    assert not LoginSession.objects.filter(user=own.doctor).live().exists()
    (event,) = logged_events(AuditEvent.FACTOR_REMOVED)
    assert (event.user_id, event.about_id) == (client.user.pk, own.doctor.pk)


def test_own_second_factors_cannot_be_reset(enter_as, own):
    client = enter_as("admin")
    with_app(client.user)

    assert "Turn off two-step verification" not in client.get(page_of(client.user)).content.decode()
    answer = client.post(reset_of(client.user), follow=True)

    assert "Someone else has to turn off your two-step verification" in answer.content.decode()
    assert Authenticator.objects.filter(user=client.user).exists()


# --- Who may


both = pytest.mark.parametrize("address", [end_of, reset_of])


@both
def test_front_desk_may_not(enter_as, own, address):
    desk = enter_as("staff")
    with_app(own.doctor)

    assert desk.post(address(own.doctor)).status_code == 403

    page = desk.get(page_of(own.doctor)).content.decode()
    assert "End all" not in page and "Turn off two-step verification" not in page
    assert Authenticator.objects.filter(user=own.doctor).exists()


@both
def test_another_practices_people_do_not_exist(enter_as, own, foreign, address):
    with_app(foreign.doctor)

    assert enter_as("admin").post(address(foreign.doctor)).status_code == 404

    assert Authenticator.objects.filter(user=foreign.doctor).exists()


@both
def test_account_behind_a_closed_chart_does_not_exist(enter_as, own, make_user, address):
    patient = make_user("patient")
    with practice_scope(own.practice.pk):
        PatientFactory(user=patient, restricted=True)

    assert enter_as("admin").post(address(patient)).status_code == 404


@both
def test_own_session_actions_require_csrf_token(enter_as, own, address):
    client = enter_as("admin")
    assert client.get(address(own.doctor)).status_code == 405

    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(address(own.doctor)).status_code == 403
