"""Fixtures for all tests. Tests of isolation use two practices, so that there is something to leak."""

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client, RequestFactory
from httpx._transports import default as httpx_transports
from redis import Redis
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts import mail
from accounts.models import User
from accounts.roles import Role
from accounts.sessions import cookies
from accounts.sessions import services as sessions
from accounts.sessions.tokens import TokenType, issue
from accounts.tests.factories import UserFactory
from audit.context import by_command
from audit.tests.emptying import committed_events, let_tests_empty_the_trail
from core.api import throttling
from core.cache import redis_client
from core.tenancy.scope import practice_scope
from practices.models import Practice
from practices.tests.factories import PracticeFactory
from tests import databases
from tests.plain_role import as_plain_role, connected_to

_find_static_files = WhiteNoiseMiddleware.add_files_from_finders
_static_files: dict[str, Any] = {}


def _find_static_files_once(middleware: WhiteNoiseMiddleware) -> None:
    """Look for static files once: every test client loads the middleware, and this would be half of its first
    request."""
    if not _static_files:
        _find_static_files(middleware)
        _static_files.update(middleware.files)
    middleware.files.update(_static_files)


WhiteNoiseMiddleware.add_files_from_finders = _find_static_files_once
# each httpx.get() would load the certificates of the whole web, which takes longer than the call and its answer
httpx_transports.create_ssl_context = functools.cache(httpx_transports.create_ssl_context)
pytest_plugins = ["tests.admin_site", "tests.emptying", "tests.last_request", "tests.s3", "pytester"]

by_command("test")  # the origin of what tests do outside of requests


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Set up this worker's copy of the migrated database; on PostgreSQL tests have the rights of the application's
    role."""
    with ExitStack() as stack:
        with django_db_blocker.unblock():
            url = stack.enter_context(databases.own_database(tmp_path_factory.mktemp("database")))
            databases.migrate(url)
            stack.enter_context(connected_to(url))
            let_tests_empty_the_trail()
            stack.enter_context(as_plain_role())
        yield
        with django_db_blocker.unblock():
            try:
                left = committed_events()
            finally:
                stack.close()
    assert left == [], "committed by another thread or process of a test without the fixture transactional_db"


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # pytest-xdist's workers end before the main process
        databases.drop_template()


@pytest.fixture(autouse=True)
def _clear_caches() -> Iterator[None]:
    """Remove counters, sessions and cached counts of the previous test."""
    throttling._make_limiter.cache_clear()
    if redis_client.configured():
        _redis(settings.REDIS_URL).flushdb()
        redis_client._down_until, redis_client._failed_at = 0.0, -math.inf
    else:
        cache.clear()
    yield


@functools.cache
def _redis(url: str) -> Redis:
    return Redis.from_url(url)


@pytest.fixture
def practice(db: Any) -> Practice:
    return PracticeFactory(name="Demo Clinic", timezone="America/New_York")


@pytest.fixture
def other_practice(db: Any) -> Practice:
    return PracticeFactory(name="Elsewhere Clinic")


@pytest.fixture
def scope(practice: Practice) -> Iterator[Practice]:
    """The demo practice, with its scope open for the whole test."""
    with practice_scope(practice.pk):
        yield practice


@pytest.fixture
def make_user(practice: Practice) -> Callable[..., User]:
    """`make_user("doctor")`: a user of this role, in the demo practice unless another is given."""

    def make(role: str, *, practice: Practice = practice, **fields: Any) -> User:
        with practice_scope(practice.pk):
            return UserFactory(role=role, **fields)

    return make


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    """`client_of(user)`: a signed-in API client, without the cost of a password hash."""

    def make(user: User) -> Client:
        client = Client()
        session = sessions.begin(user=user, request=RequestFactory().post("/api/auth/login"))
        client.cookies[cookies.ACCESS_COOKIE] = issue(session, TokenType.ACCESS)
        return client

    return make


@pytest.fixture
def as_role(make_user: Callable[..., User], client_of: Callable[[User], Client]) -> Callable[..., Client]:
    """`as_role("staff")`: a client signed in as a new user of this role, who is its `.user`."""

    def make(role: str, **fields: Any) -> Client:
        user = make_user(role, **fields)
        client = client_of(user)
        client.user = user  # type: ignore[attr-defined]
        return client

    return make


@pytest.fixture
def mailbox(mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The emails that were sent. Those sent in the background are sent at once."""
    immediate = SimpleNamespace(submit=lambda work, *arguments: work(*arguments))
    monkeypatch.setattr(mail, "mailer", immediate)
    return mailoutbox


@pytest.fixture
def anonymous() -> Client:
    return Client()


ALL_ROLES = [role.value for role in Role]
