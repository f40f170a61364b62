"""A clock that tests can move, and users who sign in through the API and the admin site."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import LoginSession, User
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import MFA, code, post
from core.cache import redis_client


class Clock:
    """Ours and Redis's: `move` makes it later, and what Redis keeps for a time is that much older."""

    def __init__(self) -> None:
        self.now, self.offset = timezone.now, timedelta()

    def __call__(self):
        return self.now() + self.offset

    def move(self, **span) -> None:
        moved = timedelta(**span)
        self.offset += moved
        if redis_client.configured():
            client = redis_client.client()
            for key in client.keys("s*:*"):  # sessions and when they were seen, not the limits' counts
                left = timedelta(milliseconds=client.pttl(key)) - moved
                client.delete(key) if left <= timedelta() else client.pexpire(key, left)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    """`sign_in(user)`: a client of the API with both cookies."""

    def enter(user: User) -> Client:
        client = Client()
        body = {"email": user.email, "password": PASSWORD}
        assert client.post("/api/auth/login", body, content_type="application/json").status_code == 200
        return client

    return enter


@pytest.fixture
def enter_site() -> Callable[[User], Client]:
    """`enter_site(user)`: a client signed in on the admin's own page."""

    def enter(user: User) -> Client:
        client = Client()
        assert client.post("/", {"username": user.email, "password": PASSWORD}).status_code == 302
        return client

    return enter


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """`with commit():` what waits for a commit runs at its end, as it does outside a test."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def set_up(commit):
    """`set_up(client)`: an authenticator app is asked for from now on; its secret and the recovery codes."""

    def go(client):
        secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
        with commit():
            answer = post(client, f"{MFA}/totp/confirm", {"code": code(secret)})
        assert answer.status_code == 200, answer.content
        return secret, answer.json()["recoveryCodes"]

    return go


@pytest.fixture
def person(make_user, client_of):
    """Somebody signed in."""
    user = make_user("staff")
    client_of(user)
    user.session_id = LoginSession.objects.get(user=user).pk
    return user


@pytest.fixture
def committed_manager(transactional_db, make_user) -> User:
    """An office manager, made while the trail could still be written."""
    return make_user("admin")
