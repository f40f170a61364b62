"""Signing in at the doors of bearer tokens: what is told of it, and what the OAuth 2 endpoint answers where it takes
more than a password, or cannot be done."""

import json

from django.test import Client
from django.utils import timezone

from accounts import lockout, services
from accounts.models import Authenticator, Session
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import code
from accounts.tests.test_bearer import session_of, sign_in, told
from audit import trail
from audit.events import Kind as Event
from core.errors import Unavailable

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238's own
FORM = "application/x-www-form-urlencoded"


def ask(user, client=None):
    return (client or Client()).post("/api/v1/auth/token", f"username={user.email}&password={PASSWORD}", FORM)


# --- Login, with proper audit logging


def test_every_login_at_this_door_is_told_and_so_is_every_failure(make_user):
    user = make_user("patient")
    tokens = sign_in(user)
    body = {"email": user.email, "password": "not the password"}
    Client().post("/auth/login", body, content_type="application/json")

    (began,), (failed,) = told(Event.SIGNED_IN), told(Event.SIGN_IN_FAILED)
    assert json.loads(began.details) == {"door": "bearer", "session": str(session_of(tokens).pk)}
    assert (began.user_id, began.outcome, began.address) == (user.pk, "done", "127.0.0.1")
    assert (failed.user_id, failed.about_id, failed.outcome) == (None, user.pk, "failed")
    assert PASSWORD not in str(began.details) + str(failed.details)


def test_without_the_trail_nobody_logs_in(make_user, monkeypatch):
    body = {"email": make_user("patient").email, "password": PASSWORD}

    def down(*args, **kwargs):
        raise trail.TrailDown

    monkeypatch.setattr(trail, "record", down)
    assert Client().post("/auth/login", body, content_type="application/json").status_code == 503
    assert not Session.objects.exists()


# --- POST /api/v1/auth/token


def test_a_second_factor_is_an_error_that_says_where_to_go_on(make_user):
    user = make_user("doctor")
    Authenticator.objects.create(user=user, secret=SECRET, confirmed_at=timezone.now())

    asked = ask(user)

    assert asked.status_code == 400
    assert list(asked.json()) == ["error", "error_description", "detail", "mfa_required", "methods", "mfa_token"]
    assert (asked.json()["error"], asked.json()["methods"]) == ("mfa_required", ["totp"])
    assert (asked["Cache-Control"], asked["Pragma"]) == ("no-store", "no-cache")
    assert not Session.objects.exists()

    body = {"mfa_token": asked.json()["mfa_token"], "method": "totp", "code": code(SECRET)}
    tokens = Client().post("/auth/mfa", body, content_type="application/json").json()
    assert list(tokens) == ["access_token", "token_type", "expires_in", "refresh_token"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert Client().get("/api/users/me", headers=bearer).json()["id"] == str(user.pk)
    assert Session.objects.get().second_factor == "totp"


def test_the_mobile_door_answers_the_same_as_200(make_user):
    user = make_user("doctor")
    Authenticator.objects.create(user=user, secret=SECRET, confirmed_at=timezone.now())
    body = {"email": user.email, "password": PASSWORD}

    asked = Client().post("/auth/login", body, content_type="application/json")

    assert asked.status_code == 200
    assert list(asked.json()) == ["mfa_required", "methods", "mfa_token"]
    assert not Session.objects.exists()


def test_where_attempts_cannot_be_counted_nobody_comes_in(make_user, monkeypatch):
    def down(email):
        raise Unavailable("Sign-in is not available right now. Please try again in a moment.")

    monkeypatch.setattr(lockout, "reserve_attempt", down)

    answer = ask(make_user("doctor"))

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert not Session.objects.exists()


def test_an_unexpected_error_is_the_servers_and_shows_nothing(make_user, monkeypatch):
    def broken(**kwargs):
        raise RuntimeError("internals")

    monkeypatch.setattr(services, "sign_in", broken)

    answer = ask(make_user("doctor"), Client(raise_request_exception=False))

    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert b"internals" not in answer.content


def test_whoever_was_deactivated_is_no_longer_known(make_user):
    answer = ask(make_user("doctor", is_active=False))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["detail"] == "Invalid email or password"
