"""A transaction on PostgreSQL begins with its first statement, in the same message (docs/adr/0033)."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import Connection, IsolationLevel
from psycopg.pq import TransactionStatus

from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def ask(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def status():
    return connection.connection.pgconn.transaction_status


@pytest.fixture
def sent_alone(monkeypatch):
    """The commands that psycopg sends by itself, each of which is waited for."""
    commands, send = [], Connection._exec_command

    def record(self, command, *arguments, **options):
        commands.append(bytes(command))
        return send(self, command, *arguments, **options)

    monkeypatch.setattr(Connection, "_exec_command", record)
    return commands


@pytest.mark.parametrize(
    ("first", "parameters"),
    [
        ("SELECT 1", []),
        ("SELECT %s", [1]),
        ("SAVEPOINT here", []),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", []),
    ],
)
def test_first_statement_begins_the_transaction(db, sent_alone, first, parameters):
    for _ in range(3):  # a statement with parameters is prepared the second time
        with transaction.atomic():
            ask(first, *parameters)
            assert status() == TransactionStatus.INTRANS
        assert status() == TransactionStatus.IDLE
    assert sent_alone == [b"COMMIT"] * 3


def test_transaction_without_a_statement_leaves_the_next_one_alone(db, practice, sent_alone):
    with transaction.atomic():
        pass
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError
    with practice_scope(practice.pk):
        assert ask("SELECT 1") == [(1,)]
    assert status() == TransactionStatus.IDLE
    assert sent_alone == []


def test_first_statement_that_fails_is_rolled_back(practice):
    with practice_scope(practice.pk):
        for statement in ("SELECT 1 / 0", "SELECT 1 / %s"):
            with pytest.raises(DatabaseError, match="division by zero"), transaction.atomic():
                ask(statement, *[0] * statement.count("%s"))
            assert status() == TransactionStatus.IDLE
        with transaction.atomic():
            PatientFactory()
            with pytest.raises(DatabaseError), transaction.atomic():
                ask("SELECT 1 / 0")
        assert Patient.objects.count() == 1


@pytest.mark.parametrize("earlier", [0, 1], ids=["sent", "prepared"])
def test_first_statement_that_psycopg_cannot_write_leaves_the_transaction_due(practice, earlier):
    """It never reaches the server, so the transaction is not broken: what follows must still be in it."""
    with practice_scope(practice.pk):
        for _ in range(earlier + 1):
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                with pytest.raises((DatabaseError, ValueError), match="NUL"):
                    ask("SELECT 1 WHERE %s = 'a'", "\0")
                PatientFactory()
                raise ZeroDivisionError
        assert Patient.objects.count() == 0


def test_rows_that_are_written_are_rolled_back(practice):
    with practice_scope(practice.pk):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            PatientFactory()
            raise ZeroDivisionError
        assert Patient.objects.count() == 0


def test_every_other_way_to_send_a_statement_begins_the_transaction(practice):
    def copied(cursor):
        with cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
            list(copy.rows())

    ways = [
        lambda cursor: cursor.executemany("SELECT %s", [[1], [2]]),
        copied,
        lambda cursor: list(cursor.cursor.stream("SELECT 1")),
        lambda cursor: list(Patient._base_manager.iterator()),
    ]
    with practice_scope(practice.pk):
        for way in ways:
            with transaction.atomic(), connection.cursor() as cursor:
                way(cursor)
                assert status() == TransactionStatus.INTRANS


def test_streamed_rows_are_not_stored_first(practice):
    """As a cursor that outlives its transaction would do."""
    with practice_scope(practice.pk), transaction.atomic():
        PatientFactory.create_batch(2)
        rows = Patient.objects.iterator(chunk_size=1)
        next(rows)
        assert ask("SELECT is_holdable FROM pg_cursors") == [(False,)]


def test_connection_of_a_request_that_died_before_its_first_statement(db):
    connection.close()
    sessions = []

    def die():
        connection.ensure_connection()
        transaction.atomic().__enter__()
        sessions.append(connection.connection.info.backend_pid)
        connection.connection._pool.putconn(connection.connection)
        connection.connection = None

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    for _ in range(100):
        mine = ask("SELECT pg_backend_pid()")[0][0]
        assert status() == TransactionStatus.IDLE
        connection.close()
        if mine in sessions:
            return
    pytest.fail("The connection did not come back.")


def test_isolation_level_of_the_settings_holds(db):
    connection.ensure_connection()
    connection.connection.isolation_level = IsolationLevel.SERIALIZABLE
    try:
        with transaction.atomic():
            assert ask("SHOW transaction_isolation") == [("serializable",)]
    finally:
        connection.connection.isolation_level = None
