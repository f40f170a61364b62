"""Signing in with bearer tokens: what is logged, and the OAuth 2 endpoint's responses to second factors and errors."""

import json

from django.test import Client
from django.utils import timezone

from accounts.models import Authenticator, LoginSession
from accounts.sign_in import lockout
from accounts.sign_in import services as sign_in_services
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import code
from accounts.tests.test_refresh_rotation import logged_events, session_of, sign_in
from audit import log
from audit.events import AuditEvent as Event
from core.errors import Unavailable

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238's own
FORM = "application/x-www-form-urlencoded"


def ask(user, client=None):
    return (client or Client()).post("/api/v1/auth/token", f"username={user.email}&password={PASSWORD}", FORM)


# --- Login, with proper audit logging


def test_bearer_sign_ins_and_failures_are_logged(make_user):
    user = make_user("patient")
    tokens = sign_in(user)
    body = {"email": user.email, "password": "not the password"}
    Client().post("/auth/login", body, content_type="application/json")

    (began,), (failed,) = logged_events(Event.SIGNED_IN), logged_events(Event.SIGN_IN_FAILED)
    assert json.loads(began.details) == {"door": "bearer", "session": str(session_of(tokens).pk)}
    assert (began.user_id, began.outcome, began.address) == (user.pk, "done", "127.0.0.1")
    assert (failed.user_id, failed.about_id, failed.outcome) == (None, user.pk, "failed")
    assert PASSWORD not in str(began.details) + str(failed.details)


def test_without_the_trail_nobody_logs_in(make_user, monkeypatch):
    body = {"email": make_user("patient").email, "password": PASSWORD}

    def down(*args, **kwargs):
        raise log.AuditLogUnavailable

    monkeypatch.setattr(log, "record", down)
    assert Client().post("/auth/login", body, content_type="application/json").status_code == 503
    assert not LoginSession.objects.exists()


# --- POST /api/v1/auth/token


def test_oauth_sign_in_with_second_factor_is_error_with_next_step(make_user):
    user = make_user("doctor")
    Authenticator.objects.create(user=user, secret=SECRET, confirmed_at=timezone.now())

    asked = ask(user)

    assert asked.status_code == 400
    assert list(asked.json()) == ["error", "error_description", "detail", "mfa_required", "methods", "mfa_token"]
    assert (asked.json()["error"], asked.json()["methods"]) == ("mfa_required", ["totp"])
    assert (asked["Cache-Control"], asked["Pragma"]) == ("no-store", "no-cache")
    assert not LoginSession.objects.exists()

    body = {"mfa_token": asked.json()["mfa_token"], "method": "totp", "code": code(SECRET)}
    tokens = Client().post("/auth/mfa", body, content_type="application/json").json()
    assert list(tokens) == ["access_token", "token_type", "expires_in", "refresh_token"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert Client().get("/api/users/me", headers=bearer).json()["id"] == str(user.pk)
    assert LoginSession.objects.get().second_factor == "totp"


def test_mobile_sign_in_returns_challenge_with_200(make_user):
    user = make_user("doctor")
    Authenticator.objects.create(user=user, secret=SECRET, confirmed_at=timezone.now())
    body = {"email": user.email, "password": PASSWORD}

    asked = Client().post("/auth/login", body, content_type="application/json")

    assert asked.status_code == 200
    assert list(asked.json()) == ["mfa_required", "methods", "mfa_token"]
    assert not LoginSession.objects.exists()


def test_uncountable_attempt_is_refused(make_user, monkeypatch):
    def down(email):
        raise Unavailable("Sign-in is not available right now. Please try again in a moment.")

    monkeypatch.setattr(lockout, "reserve_attempt", down)

    answer = ask(make_user("doctor"))

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert not LoginSession.objects.exists()


def test_oauth_unexpected_error_is_server_error_without_details(make_user, monkeypatch):
    def broken(**kwargs):
        raise RuntimeError("internals")

    monkeypatch.setattr(sign_in_services, "sign_in", broken)

    answer = ask(make_user("doctor"), Client(raise_request_exception=False))

    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert b"internals" not in answer.content


def test_admin_session_of_deactivated_user_is_refused(make_user):
    answer = ask(make_user("doctor", is_active=False))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["detail"] == "Invalid email or password"
