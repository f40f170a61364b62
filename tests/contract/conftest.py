"""Fixtures of the contract tests: the two doors, and the clinic behind each."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.clinic import Clinic
from tests.contract.doors import Caller, ClientDoor, Door, ServerDoor
from tests.server import Server, started


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="session")
def served_clinic(server: Server) -> Clinic:
    """The one clinic of the started server: a password hash costs a quarter of a second there."""
    return Clinic(ServerDoor(server))


# pytest-django makes the test database only when it sees the mark: a fixture asked for by name comes too late.
@pytest.fixture(params=[pytest.param("client", marks=pytest.mark.django_db), "server"])
def clinic(request: pytest.FixtureRequest) -> Clinic:
    """The clinic, through Django's test client (new for each test) and through a started server (shared by all
    tests of the run, so a test looks only at what it made itself)."""
    if request.param == "server":
        return request.getfixturevalue("served_clinic")
    return request.getfixturevalue("inner_clinic")


@pytest.fixture
def inner_clinic(db: Any, settings: Any, django_capture_on_commit_callbacks: Any) -> Clinic:
    settings.PRACTICE_SIGNUP = True
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000
    settings.JOIN_CODE_TRIES_PER_HOUR = 1_000_000
    return Clinic(ClientDoor(django_capture_on_commit_callbacks))


@pytest.fixture
def door(clinic: Clinic) -> Door:
    return clinic.door


@pytest.fixture
def anonymous(clinic: Clinic) -> Caller:
    return Caller(clinic.door)
