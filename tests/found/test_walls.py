"""Small gaps of the wall, found by attack on 2026-11-29: pages and refusals that the trail did not know of."""

import math
import socket
import time
from contextlib import contextmanager
from datetime import timedelta

import orjson
import pytest
from django.contrib import admin
from django.urls import reverse
from redis import Redis

from accounts.models import LoginSession, SignInChannel
from accounts.second_factor_challenge import issue_challenge_token
from accounts.sessions import unsent_marks
from accounts.sessions.cache import ENDED
from accounts.tests.factories import PASSWORD
from accounts.users.services import update_user
from audit.events import AuditEvent
from audit.models import NO_PRACTICE
from audit.tests.whole_trail import whole_trail
from core.cache import redis_client
from core.tenancy.scope import practice_scope
from patients.tests.factories import EmergencyAccessFactory, PatientFactory


@pytest.fixture
def logged(db):
    """`logged()`: the events since the last call, or since the test began."""
    seen = set(whole_trail().values_list("pk", flat=True))

    def since():
        events = list(whole_trail().exclude(pk__in=seen).order_by("id"))
        seen.update(event.pk for event in events)
        return events

    return since


# --- /history/ of the admin site


def test_history_pages_do_not_exist_and_the_attempt_is_logged(enter_as, own, logged, subtests):
    rows = [row for row in vars(own).values() if hasattr(row, "pk")]
    assert {type(row) for row in rows} >= {each for each in admin.site._registry if each.__name__ != "User"}
    client = enter_as("admin")
    for row in rows:
        name = f"{row._meta.app_label}_{row._meta.model_name}"
        with subtests.test(of=name):
            logged()
            assert client.get(reverse(f"admin:{name}_history", args=[row.pk])).status_code == 404
            (event,) = logged()
            assert (event.outcome, event.about_id) == ("refused", row.pk)


# --- What the trail had no row for


def post(client, path, body, status):
    answer = client.post(path, body, "application/json")
    assert answer.status_code == status, answer.content
    return answer


def only(events, kind):
    (event,) = [event for event in events if event.kind == kind]
    return event


def test_wrong_code_while_a_factor_is_set_up(as_role, logged):
    client = as_role("staff")
    post(client, "/api/users/me/mfa/totp", {"password": PASSWORD}, 200)
    logged()
    post(client, "/api/users/me/mfa/totp/confirm", {"code": "000000"}, 400)
    event = only(logged(), AuditEvent.SECOND_FACTOR_FAILED)
    assert (event.outcome, event.user_id, event.about_id) == ("failed", client.user.pk, client.user.pk)
    assert event.practice_id == client.user.practice_id
    assert orjson.loads(event.details) == {"method": "totp", "reason": "while_setting_it_up"}

    post(client, "/api/users/me/mfa/passkeys/confirm", {"name": "Phone", "credential": {"id": "x"}}, 400)
    event = only(logged(), AuditEvent.SECOND_FACTOR_FAILED)
    assert orjson.loads(event.details) == {"method": "passkey", "reason": "while_setting_it_up"}


def test_wrong_code_on_the_page_that_sets_a_factor_up(enter_as, logged):
    client = enter_as("admin")
    client.post(reverse("admin:security_totp"), {"password": PASSWORD})
    logged()
    client.post(reverse("admin:security_totp_confirm"), {"code": "000000"})
    assert only(logged(), AuditEvent.SECOND_FACTOR_FAILED).user_id == client.user.pk


def test_unknown_mfa_token(anonymous, make_user, logged, subtests):
    user = make_user("doctor")
    of_an_app = issue_challenge_token(user, SignInChannel.BEARER)
    for path in ("/api/auth/mfa", "/api/auth/mfa/passkey", "/auth/mfa", "/auth/mfa/passkey"):
        for token, about in [("nonsense", None), (of_an_app, user.pk)]:
            if about and path.startswith("/auth"):
                continue
            with subtests.test(path=path, known=bool(about)):
                logged()
                body = {
                    "mfa_token": token,
                    **({} if path.endswith("passkey") else {"method": "totp", "code": "000000"}),
                }
                post(anonymous, path, body, 401)
                event = only(logged(), AuditEvent.SECOND_FACTOR_FAILED)
                assert (event.outcome, event.about_id, event.user_id) == ("failed", about, None)
                assert orjson.loads(event.details) == {"reason": "challenge_not_valid"}
                assert "nonsense" not in event.details


def test_reset_token_that_is_no_id(anonymous, logged, subtests):
    for token in ("nonsense", "", "1-2-3", "0" * 40, "01890000-0000-7000-8000-000000000000-abc"):
        with subtests.test(token=token):
            logged()
            answer = anonymous.post(
                "/api/auth/password-reset/confirm", {"token": token, "password": "Another1!"}, "application/json"
            )
            assert answer.status_code == 400
            if token:
                event = only(logged(), AuditEvent.PASSWORD_CHANGED)
                assert (event.outcome, event.about_id) == ("failed", None)
            page = reverse("password_reset_set", args=[token or "x"])
            for ask, form in [(anonymous.get, {}), (anonymous.post, {"password": "Another1!", "again": "Another1!"})]:
                logged()
                assert ask(page, form).status_code == 400
                assert only(logged(), AuditEvent.PASSWORD_CHANGED).outcome == "failed"


def test_attempt_to_register_staff(anonymous, as_role, logged, subtests, settings):
    settings.PRACTICE_SIGNUP = False
    body = {"name": "Mallory", "email": "mallory@example.com", "password": PASSWORD}
    for who, client in [(None, anonymous), ("patient", as_role("patient")), ("staff", as_role("staff"))]:
        for role in ("staff", "doctor", "admin"):
            with subtests.test(who=who, role=role):
                logged()
                post(client, "/api/auth/register", {**body, "role": role}, 403)
                event = only(logged(), AuditEvent.REGISTERED)
                assert event.outcome == "refused"
                assert event.user_id == (client.user.pk if who else None)
                assert orjson.loads(event.details) == {"as_role": role}
                assert event.practice_id == (client.user.practice_id if who else NO_PRACTICE)


def test_export_of_a_restricted_chart(enter_as, as_role, practice, logged):
    with practice_scope(practice.pk):
        chart = PatientFactory(restricted=True)
    site, api = enter_as("admin"), as_role("admin")
    for client, ask in [
        (site, lambda: site.post(reverse("admin:patients_patient_export", args=[chart.pk]))),
        (site, lambda: site.get(reverse("admin:records_attachment_add_to", args=[chart.pk]))),
        (api, lambda: api.get(f"/api/patients/{chart.pk}/export")),
    ]:
        logged()
        assert ask().status_code in (302, 403)
        (event,) = logged()
        assert (event.outcome, event.user_id) == ("refused", client.user.pk)
        assert orjson.loads(event.patients) == [str(chart.pk)]


def test_refusal_that_a_page_answers_with_a_message(enter_as, own, logged):
    """The kind of the export: a redirect or a form says no, and the trail knows nothing of it."""
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        own.chart.restricted = True
        own.chart.save()
        EmergencyAccessFactory(patient=own.chart, opened_by=client.user)
    logged()
    delete = reverse("admin:records_sessionnote_delete", args=[own.note.pk])
    assert client.post(delete, {"reason": "Wrong patient"}).status_code == 200  # an emergency is not enough for it
    refused = [event for event in logged() if event.outcome == "refused"]
    assert [(event.user_id, event.about_id) for event in refused] == [(client.user.pk, own.note.pk)]


# --- Sessions that end while Redis hangs


@pytest.fixture
def hung(monkeypatch):
    """`with hung():` Redis takes connections and never answers; afterwards it is back, with what it knew."""

    @contextmanager
    def hang():
        answering = redis_client.client()
        with socket.socket() as listener, monkeypatch.context() as patch:
            listener.bind(("127.0.0.1", 0))
            listener.listen(50)
            silent = Redis(port=listener.getsockname()[1], socket_timeout=0.02, socket_connect_timeout=0.02, retry=None)
            patch.setattr(redis_client, "client", lambda: silent)
            yield answering
        redis_client._down_until = 0.0  # the second of its circuit breaker is over

    return hang


def in_another_process():
    """As a process sees Redis that asked nothing of it while it hung."""
    redis_client._failed_at = -math.inf


@pytest.mark.redis
def test_session_that_ended_while_redis_hung_stays_ended(as_role, hung, django_capture_on_commit_callbacks):
    client = as_role("staff")
    assert client.get("/api/users/me").status_code == 200  # now Redis holds the session
    token, key = client.cookies["access_token"].value, f"session:{LoginSession.objects.get().pk}"
    with hung() as answering, django_capture_on_commit_callbacks(execute=True):
        assert client.post("/api/auth/logout").status_code == 200
        assert answering.get(key) not in (None, ENDED)

    client.cookies["access_token"] = token
    assert client.get("/api/users/me").status_code == 401

    in_another_process()
    deadline = time.monotonic() + 60
    while answering.get(key) != ENDED:
        assert time.monotonic() < deadline, "Redis was not told"
        time.sleep(0.01)
    assert client.get("/api/users/me").status_code == 401
    assert unsent_marks._still_needed() == {}


@pytest.mark.redis
def test_role_that_changed_while_redis_hung_stays_changed(as_role, make_user, hung, django_capture_on_commit_callbacks):
    """The same kind: the mark of a changed user."""
    client, manager = as_role("staff", name="Ann Before"), make_user("admin")
    assert client.get("/api/users/me").json()["name"] == "Ann Before"
    with hung(), django_capture_on_commit_callbacks(execute=True):
        update_user(user=client.user, by=manager, name="Ann After")
    assert client.get("/api/users/me").json()["name"] == "Ann After"


@pytest.mark.redis
def test_mark_is_given_up_when_no_entry_can_be_left(hung):
    with hung() as answering:
        unsent_marks.remember(["session:x"], ENDED, life=timedelta(hours=1), needed=timedelta(0))
        assert unsent_marks._still_needed() == {}
    assert answering.get("session:x") is None
