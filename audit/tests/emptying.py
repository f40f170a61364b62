"""Tests with real transactions end by emptying every table, which the trail refuses: in the database of the tests alone
(the servers that they start have their own) what refuses DELETE and TRUNCATE is taken off."""

from django.db import connection

from tests.plain_role import as_owner

TABLES = ("audit_event", "audit_subject", "audit_seal")


def let_tests_empty_the_trail() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_not_emptied ON {table}")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_not_deleted")


def has_committed_events() -> bool:
    """Ask in one round trip, for every test is asked. The plain role sees no events outside a scope."""
    ask = "SELECT EXISTS (SELECT 1 FROM audit_event)"
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE NONE; {ask}; RESET ROLE" if is_postgresql else ask)
        if is_postgresql:
            cursor.nextset()
        return bool(cursor.fetchone()[0])


def committed_events() -> list[tuple[object, ...]]:
    """Return events that a test left in the trail: every later test of this worker that reads the trail finds them."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT at, kind, outcome, request_id FROM audit_event ORDER BY at LIMIT 5")
        return list(cursor.fetchall())
