"""Fixtures that every test may use. Two practices exist wherever isolation matters: a leak needs something to leak."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.core.cache import cache
from django.test import Client, RequestFactory
from redis import Redis

from accounts import cookies, password_reset, sessions
from accounts.models import User
from accounts.roles import Role
from accounts.tests.factories import UserFactory
from accounts.tokens import Kind, issue
from audit.context import by_command
from audit.tests.emptying import let_tests_empty_the_trail
from core import redis
from core.api import limits
from core.tenancy import practice_scope
from practices.models import Practice
from practices.tests.factories import PracticeFactory
from tests.plain_role import as_plain_role

BCryptSHA256PasswordHasher.rounds = 4  # tests/guards/test_settings.py holds the real one at 12

by_command("test")  # what a test does by itself; a request that it makes comes from the request


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with ExitStack() as as_in_production:
        with django_db_blocker.unblock():
            let_tests_empty_the_trail()
            as_in_production.enter_context(as_plain_role())
        yield
        with django_db_blocker.unblock():
            as_in_production.close()


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests() -> Iterator[None]:
    """Counts, sessions and totals of the test before are gone."""
    cache.clear()
    limits._make_limiter.cache_clear()
    if redis.configured():
        with Redis.from_url(settings.REDIS_URL) as patient_client:
            patient_client.flushdb()
        redis._down_until = 0.0
    yield


@pytest.fixture
def practice(db: Any) -> Practice:
    return PracticeFactory(name="Demo Clinic", timezone="America/New_York")


@pytest.fixture
def other_practice(db: Any) -> Practice:
    return PracticeFactory(name="Elsewhere Clinic")


@pytest.fixture
def scope(practice: Practice) -> Iterator[Practice]:
    """The demo practice's scope, open for the whole test."""
    with practice_scope(practice.pk):
        yield practice


@pytest.fixture
def make_user(practice: Practice) -> Callable[..., User]:
    """`make_user("doctor")`: somebody of this role, in the demo practice unless another is given."""

    def make(role: str, *, practice: Practice = practice, **fields: Any) -> User:
        with practice_scope(practice.pk):
            return UserFactory(role=role, **fields)

    return make


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """A signed-in client of the API, its session made without the cost of a password hash."""

    def make(user: User) -> Client:
        client = Client()
        session = sessions.begin(user=user, request=RequestFactory().post("/api/auth/login"))
        client.cookies[cookies.ACCESS_COOKIE] = issue(session, Kind.ACCESS)
        return client

    return make


@pytest.fixture
def as_role(make_user: Callable[..., User], client_of: Callable[[User], Client]) -> Callable[..., Client]:
    """`as_role("staff")`: a client signed in as somebody new of this role; `.user` is that person."""

    def make(role: str, **fields: Any) -> Client:
        user = make_user(role, **fields)
        client = client_of(user)
        client.user = user  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture
def mailbox(mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was sent; mail that goes out behind an answer is sent before it, so that a test waits for nothing."""
    at_once = SimpleNamespace(submit=lambda work, *arguments: work(*arguments))
    monkeypatch.setattr(password_reset, "_mailer", at_once)
    return mailoutbox


@pytest.fixture
def anonymous() -> Client:
    return Client()


ALL_ROLES = [role.value for role in Role]
