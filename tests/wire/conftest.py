"""One started server and one clinic for all tests of this folder; a test must only look at rows it created."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.clients import Caller, ServerTransport
from tests.contract.clinic import Clinic
from tests.server import Server, started

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before tests/selection.py reads the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.wire)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="session")
def clinic(server: Server) -> Clinic:
    return Clinic(ServerTransport(server))


@pytest.fixture
def anonymous(clinic: Clinic) -> Caller:
    return Caller(clinic.transport)
