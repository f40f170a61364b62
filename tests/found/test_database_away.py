"""A database that is away, or has no room left: 503 with Retry-After, and at once while that is known.

Found by attack on 2026-11-29: a stopped PostgreSQL answered 500 and held each thread for 15 seconds; a full disk was a
500 too.
"""

import errno
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError, connection
from django.db import connections as all_connections
from django.test import Client
from django.urls import reverse
from psycopg_pool import PoolClosed, PoolTimeout

from core.api.exceptions import TRAIL_DOWN
from core.database.availability import SENTENCE, is_unavailable
from core.errors import Unavailable
from core.tenancy.postgresql import base
from core.tenancy.postgresql.base import DatabaseWrapper

CHART = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "555 0100",
    "dateOfBirth": "1985-12-10",
    "gender": "female",
    "address": "12 St James's Square",
}


def raised(kind, cause):
    error = kind(str(cause))
    error.__cause__ = cause
    return error


def of_postgresql(state):
    return psycopg.errors.lookup(state)("made up")


def of_sqlite(code):
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode = code
    return error


def test_what_may_work_again_in_a_moment(subtests):
    for error in [
        raised(OperationalError, psycopg.OperationalError("connection refused")),
        raised(OperationalError, PoolTimeout("busy")),
        raised(OperationalError, PoolClosed("closed")),
        raised(InterfaceError, psycopg.InterfaceError("the connection is closed")),
        *(
            raised(OperationalError, of_postgresql(state))
            for state in ("53100", "53200", "53300", "57P01", "57P03", "58030", "40001", "40P01", "55P03")
        ),
        raised(OperationalError, of_sqlite(sqlite3.SQLITE_FULL)),
        raised(OperationalError, of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT)),
        raised(OperationalError, of_sqlite(sqlite3.SQLITE_IOERR_WRITE)),
        raised(OperationalError, of_sqlite(sqlite3.SQLITE_READONLY)),
        OSError(errno.ENOSPC, "No space left on device"),
    ]:
        with subtests.test(error=repr(error.__cause__ or error)):
            assert is_unavailable(error)


def test_what_is_a_mistake_of_ours(subtests):
    for error in [
        raised(ProgrammingError, of_postgresql("42P01")),
        raised(DataError, of_postgresql("22P02")),
        raised(IntegrityError, of_postgresql("23505")),
        raised(OperationalError, of_sqlite(sqlite3.SQLITE_ERROR)),  # no such table
        ProgrammingError("Cannot open a new connection in an atomic block."),
        OSError(errno.EACCES, "Permission denied"),
        ValueError("made up"),
        None,
    ]:
        with subtests.test(error=repr(error)):
            assert not is_unavailable(error)


@contextmanager
def disk_full(*statements):
    """Every statement that begins so finds no room."""

    def refuse(execute, sql, params, many, context):
        if sql.lstrip().upper().startswith(statements):
            raise raised(OperationalError, of_postgresql("53100"))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def check(answer, *sentences):
    assert answer.status_code == 503
    assert 1 <= int(answer["Retry-After"]) <= 60
    if answer["Content-Type"] == "application/json":
        assert answer.json()["detail"] in sentences
    else:
        assert any(sentence.replace("'", "&#x27;") in answer.content.decode() for sentence in sentences)


def test_every_503_says_when_to_try_again(as_role, monkeypatch, anonymous):
    """Also of other services than the database."""

    def refuse(*args, **kwargs):
        raise Unavailable("Files can't be checked right now.")

    desk = as_role("staff")
    monkeypatch.setattr("patients.services.open_chart", refuse)
    monkeypatch.setattr("core.api.health.state", lambda: {"database": "ok", "cache": "failing", "migrations": "ok"})
    check(desk.post("/api/patients", CHART, "application/json"), "Files can't be checked right now.")
    assert anonymous.get("/api/health")["Retry-After"] == "5"


def test_full_disk_is_503_and_nothing_is_stored(as_role, enter_as, own, anonymous):
    desk, manager = as_role("staff"), enter_as("admin")
    with disk_full("INSERT", "UPDATE"):
        check(desk.post("/api/patients", CHART, "application/json"), SENTENCE, TRAIL_DOWN)
        check(desk.get("/api/patients"), TRAIL_DOWN)
        check(manager.get(reverse("admin:patients_patient_changelist")), TRAIL_DOWN)
        sign_in = {"email": own.doctor.email, "password": "Passw0rd!"}
        check(anonymous.post("/api/auth/login", sign_in, "application/json"), SENTENCE, TRAIL_DOWN)
    assert desk.get("/api/patients").json()["total"] == 1


def test_database_that_is_away_is_503_everywhere(as_role, enter_as, own, anonymous):
    desk, manager = as_role("staff"), enter_as("admin")
    manager.raise_request_exception = False
    with disk_full("SELECT", "INSERT", "UPDATE"):
        check(desk.get("/api/doctors"), SENTENCE)
        check(desk.post("/api/patients", CHART, "application/json"), SENTENCE)
        check(manager.get(reverse("admin:index")), SENTENCE)
        check(manager.get(reverse("home")), SENTENCE)
        health = anonymous.get("/api/health")
        assert (health.status_code, health["Retry-After"]) == (503, "5")
        assert anonymous.get("/api/health/live").status_code == 200
    assert desk.get("/api/doctors").status_code == 200


def test_disk_that_takes_no_upload_is_503(as_role, own, monkeypatch):
    """It was answered as a broken upload, which nobody could have mended."""

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("records.attachments.uploads.Spool.add", full)
    file = SimpleUploadedFile("findings.txt", b"Bone density: normal", "text/plain")
    check(as_role("doctor").post("/api/attachments", {"file": file, "patientId": str(own.chart.pk)}), SENTENCE)


@pytest.mark.embedded
@pytest.mark.django_db(transaction=True)
def test_sqlite_that_cannot_grow_is_503(as_role, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    desk = as_role("staff")
    with connection.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            for _ in range(500):
                answer = desk.post("/api/patients", {**CHART, "medicalHistory": "x" * 4000}, "application/json")
                if answer.status_code != 201:
                    break
            check(answer, SENTENCE, TRAIL_DOWN)
        finally:
            cursor.execute("PRAGMA max_page_count = 4294967294")
    assert desk.post("/api/patients", CHART, "application/json").status_code == 201


# --- PostgreSQL: the pool, and the circuit breaker before it


@pytest.fixture
def server(transactional_db, monkeypatch):
    """`with server():` the port of the database is closed for new connections of any thread."""
    settings = all_connections.settings["default"]
    monkeypatch.setattr(base, "WAIT_SECONDS", 300)

    @contextmanager
    def stopped():
        with socket.socket() as unused, monkeypatch.context() as patch:
            unused.bind(("127.0.0.1", 0))  # without listening: connections are refused
            patch.setitem(settings, "HOST", "127.0.0.1")
            patch.setitem(settings, "PORT", unused.getsockname()[1])
            connection.close()
            connection.close_pool()
            yield
        connection.close_pool()

    connection.close()
    yield stopped
    DatabaseWrapper._away_until = 0.0


def in_threads(number, work):
    def one(_):
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.mark.postgresql
@pytest.mark.slow  # starts threads
def test_stopped_server_holds_no_thread(server):
    body = {"email": "ann@example.com", "password": "Passw0rd!"}

    def sign_in():
        began = time.monotonic()
        answer = Client().post("/api/auth/login", body, "application/json")
        return answer, time.monotonic() - began

    with server():
        for answer, seconds in in_threads(12, sign_in):
            check(answer, SENTENCE, TRAIL_DOWN)
            assert seconds < 100  # and not the 300 that a caller waits here for a busy pool
        DatabaseWrapper._away_until = time.monotonic() + 3000
        for _, seconds in in_threads(4, sign_in):
            assert seconds < 100  # known to be away: nobody tries
        assert Client().get("/api/health").json()["checks"]["database"] == "failing"
        DatabaseWrapper._away_until = time.monotonic() - 1  # the second is over
        assert sign_in()[0].status_code == 503
    DatabaseWrapper._away_until = time.monotonic() - 1
    body["email"] = "bob@example.com"  # attempts were counted while it was away
    assert sign_in()[0].status_code == 401  # the server is back
    assert DatabaseWrapper._away_until == 0.0


@pytest.mark.postgresql
@pytest.mark.slow  # starts threads
def test_busy_pool_is_waited_for(server):
    """Many more callers than connections, as in 200 bookings at once: all are served, and the server is not away."""

    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.02)")
        return "served"

    assert in_threads(60, ask) == ["served"] * 60
    assert DatabaseWrapper._away_until == 0.0
