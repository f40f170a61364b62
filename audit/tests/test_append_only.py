"""The database itself refuses to change the trail: in a freshly migrated one, whoever asks, past all of our code."""

import os
import sqlite3
from contextlib import closing

import psycopg
import pytest

from tests.server import Server, own_database

pytestmark = [pytest.mark.both_halves, pytest.mark.slow]  # triggers of either kind of database

WRITE = """
import django
django.setup()
from uuid import UUID
from audit.context import by_command
from audit.events import AuditEvent
from audit.seals.sealing import Sealing
from audit.log import record
by_command("test")
for number in (1, 2):
    record(AuditEvent.CHART_READ, practice_id=UUID(int=7), patients=[UUID(int=number)])
    list(Sealing().run())
"""
TABLES = ("audit_event", "audit_subject", "audit_seal")
ROLE = f"praxis_append_only_{os.getpid()}"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Its server's environment; two events of a patient each, under two seals."""
    directory = tmp_path_factory.mktemp("append_only")
    with own_database(directory) as url:
        server = Server(directory, url, "")
        server.prepare()
        server.manage_as_owner("shell", "--command", WRITE)
        yield server


@pytest.fixture
def content(database):
    """Unchanged at the end, whatever was tried."""
    before = everything(database)
    assert [len(rows) for rows in before] == [2, 2, 2]
    yield
    assert everything(database) == before


def everything(database):
    return [sorted(map(repr, database.rows(f"SELECT * FROM {table}"))) for table in TABLES]


def columns(database, table):
    if database.database_url.startswith("sqlite"):
        return [row[1] for row in database.rows(f"PRAGMA table_info({table})")]
    return [
        name
        for (name,) in database.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position", table
        )
    ]


def refusal(database, statement, **options):
    """The error of a statement; empty if it succeeded."""
    if database.database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database.database_url.removeprefix("sqlite:///"), timeout=300)) as connection:
            try:
                connection.execute(statement)
                connection.commit()
            except sqlite3.IntegrityError as error:
                return str(error)
        return ""
    try:
        with psycopg.connect(database.database_url, **options) as connection:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        return str(error)
    return ""


@pytest.mark.parametrize("table", TABLES)
def test_no_column_can_be_updated_even_to_its_own_value(database, content, table):
    for column in columns(database, table):
        error = refusal(database, f"UPDATE {table} SET {column} = {column}")
        assert f"append-only: UPDATE of {table} is refused" in error, column


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("which", ["", " WHERE practice_id = (SELECT practice_id FROM audit_event LIMIT 1)"])
def test_rows_cannot_be_deleted(database, content, table, which):
    assert f"append-only: DELETE of {table} is refused" in refusal(database, f"DELETE FROM {table}{which}")


@pytest.mark.postgresql
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("more", ["", " CASCADE", " RESTART IDENTITY", ", audit_unsealed"])
def test_tables_cannot_be_truncated(database, content, table, more):
    assert f"append-only: TRUNCATE of {table} is refused" in refusal(database, f"TRUNCATE {table}{more}")


@pytest.mark.parametrize(
    ("table", "key", "column"),
    [
        ("audit_event", "id", "kind"),
        ("audit_subject", "practice_id, patient_id, event_id", "event_id"),
        ("audit_seal", "id", "count"),
        ("audit_seal", "practice_id, number", "count"),
    ],
)
def test_insert_cannot_become_an_update(database, content, table, key, column):
    upsert = f"INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT ({key}) DO UPDATE SET {column} = EXCLUDED.{column}"  # fmt: skip # noqa: E501
    assert f"of {table} is refused" in refusal(database, upsert)


@pytest.mark.postgresql
@pytest.mark.parametrize("what", ["UPDATE SET kind = 'x'", "DELETE"])
def test_merge_cannot_update(database, content, what):
    merge = f"MERGE INTO audit_event e USING audit_seal s ON e.practice_id = s.practice_id WHEN MATCHED THEN {what}"
    assert "append-only" in refusal(database, merge)


@pytest.mark.embedded
@pytest.mark.parametrize("table", TABLES)
def test_replace_is_refused_by_key_and_by_rowid(database, content, table):
    names = columns(database, table)
    same = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    new = ["randomblob(8)" if name in ("id", "event_id", "number") else name for name in names]
    other = f"INSERT OR REPLACE INTO {table} (rowid, {', '.join(names)}) SELECT rowid, {', '.join(new)} FROM {table}"

    for statement in (same, other):
        assert f"append-only: REPLACE of {table} is refused" in refusal(database, statement)


@pytest.mark.postgresql
def test_application_role_lacks_the_rights_even_without_triggers(database, content):
    database.manage_as_owner("setup_database_roles", "--role", ROLE, "--apply")
    with psycopg.connect(database.database_url, autocommit=True) as owner:
        try:
            query = "SELECT rolconfig FROM pg_roles WHERE rolname = %s AND NOT rolsuper"
            assert owner.execute(query, [ROLE]).fetchone() == (["effective_io_concurrency=100"],)
            for table in TABLES:
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                for statement in (
                    f"UPDATE {table} SET practice_id = practice_id",
                    f"DELETE FROM {table}",
                    f"TRUNCATE {table}",
                    f"ALTER TABLE {table} DISABLE TRIGGER USER",
                    f"DROP TABLE {table}",
                    "SET session_replication_role = replica",
                ):
                    error = refusal(database, statement, options=f"-c role={ROLE} -c praxis.practice={'0' * 32}")
                    assert "permission denied" in error or "must be owner" in error, (statement, error)
        finally:
            for table in TABLES:
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            owner.execute(f"DROP OWNED BY {ROLE}")
            owner.execute(f"DROP ROLE {ROLE}")
