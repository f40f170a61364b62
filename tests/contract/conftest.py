"""Fixtures of the contract tests: a clinic shared by the tests of a module, restored after each test."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.contract.clients import Caller, InProcessTransport, Transport
from tests.contract.clinic import Clinic, Person
from tests.contract.people import InProcessClinic, open_clinic


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Person]]:
    """Create the clinic's rows once per module and roll them back after it. A test that needs real transactions
    (`transactional_db`) must live in another module: it would empty the tables."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield open_clinic()
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def shared_client() -> Client:
    """One client for all tests: each new one would load the middleware again, which scans all static files."""
    client = Client(raise_request_exception=False)
    client.handler.load_middleware()
    return client


@pytest.fixture
def clinic(people: dict[str, Person], shared_client: Client, db: Any, settings: Any) -> Clinic:
    """The clinic through Django's test client; tests/wire uses a started server."""
    settings.PRACTICE_SIGNUP = True
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000
    settings.JOIN_CODE_TRIES_PER_HOUR = 1_000_000
    return InProcessClinic(InProcessTransport(shared_client), people)


@pytest.fixture
def transport(clinic: Clinic) -> Transport:
    return clinic.transport


@pytest.fixture
def anonymous(clinic: Clinic) -> Caller:
    return Caller(clinic.transport)
