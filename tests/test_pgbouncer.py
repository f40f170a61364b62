"""Praxis behind a real PgBouncer in transaction mode: the walls between practices, locks and what parallel calls may do
hold as they do without one, though each transaction may run on another session (docs/scaling.md)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.contract.clients import Caller, ServerTransport
from tests.contract.clinic import Clinic, Practice
from tests.pgbouncer import PROGRAM, SESSIONS, pgbouncer, through
from tests.server import Server, own_database, own_redis
from tests.wire.test_parallel import *  # noqa: F403 - the same tests, and `server` and `clinic` are those below

pytestmark = [pytest.mark.production, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not PROGRAM:
        pytest.skip("pgbouncer is not installed; as root: apt-get install pgbouncer")
    directory: Path = tmp_path_factory.mktemp("pgbouncer")
    with own_database(directory) as database_url, pgbouncer() as port:
        server = Server(directory, database_url, own_redis(), {"DATABASE_PREPARED_STATEMENTS": "0"})
        server.environment["DATABASE_URL"] = through(server.environment["DATABASE_URL"], port)
        server.prepare()
        with server.running():
            yield server


@pytest.fixture(scope="module")
def clinic(server: Server) -> Clinic:
    return Clinic(ServerTransport(server))


def test_more_threads_than_sessions_are_at_work(server, clinic):
    charts = [clinic.chart()["id"] for _ in range(3)]

    def ask(number: int) -> int:
        caller = Caller(ServerTransport(server))
        caller.cookies = dict(clinic.staff.cookies)
        return caller.get(f"/api/patients/{charts[number % 3]}").status

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(60))) == {200}
    query = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()"
    ((sessions,),) = server.rows(query, server.role)
    assert 1 <= sessions <= SESSIONS


def test_practices_that_share_sessions_see_nothing_of_each_other(server, clinic):
    other = Practice(ServerTransport(server), "Grace")
    people: list[tuple[Practice, set[str]]] = []
    for practice in (clinic, other):
        for _ in range(2):
            practice.chart()
        people.append((practice, {row["id"] for row in listed(practice.staff)}))
    assert not people[0][1] & people[1][1]

    def ask(number: int) -> bool:
        practice, own = people[number % 2]
        caller = Caller(ServerTransport(server))
        caller.cookies = dict(practice.staff.cookies)
        return {row["id"] for row in listed(caller)} == own

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(160)))
    assert {other.staff.get(f"/api/patients/{chart}").status for chart in people[0][1]} == {404}


def listed(caller: Caller) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = caller.get("/api/patients", limit=100).json["patients"]
    return rows


def test_session_that_was_somebody_elses_has_no_scope(server, clinic):
    """Whoever asks without a scope gets the session of a request that had one."""
    assert clinic.chart()["id"]
    with psycopg.connect(server.environment["DATABASE_URL"], prepare_threshold=None, autocommit=True) as connection:
        for _ in range(2 * SESSIONS):
            assert connection.execute("SELECT count(*) FROM patients_patient").fetchone() == (0,)


def test_worker_and_commands_run(server, clinic):
    assert ", 0 of them without success" in server.manage("worker", "--once")
    assert clinic.admin.get("/api/health/worker").status == 200
    server.manage("audit_verify")


def test_nothing_went_wrong_in_the_server(server):
    log = server.log.read_text()
    assert '"status": 500' not in log and "prepared statement" not in log and "Traceback" not in log
