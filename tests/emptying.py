"""How a test ends: without a committed event in the audit trail; one with real transactions with empty tables.

Django's own flush empties every table, filled or not, which on PostgreSQL takes longer than most tests, and then writes
the content types anew. Here only what was filled is emptied, and what `migrate` wrote stays."""

from collections.abc import Iterator

import pytest
from django.db import Error, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase
from pytest_django.plugin import blocking_manager_key

from audit.tests.emptying import committed_events, has_committed_events

WRITTEN_BY_MIGRATE = {"django_migrations", "django_content_type", "auth_permission"}
# A superuser may leave aside triggers and foreign keys; any other owner of the tables has TRUNCATE alone.
ON_POSTGRESQL = """
DO $$
DECLARE
    tables text[] := ARRAY(SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables
                           WHERE schemaname = current_schema() AND tablename <> ALL (%s));
    is_filled boolean;
    name text;
BEGIN
    IF current_setting('is_superuser') <> 'on' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(tables, ', ');
        RETURN;
    END IF;
    SET LOCAL session_replication_role = replica;
    FOREACH name IN ARRAY tables LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO is_filled;
        IF is_filled THEN
            EXECUTE 'DELETE FROM ' || name;
        END IF;
    END LOOP;
END $$"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that left events, which every later one that reads the trail would find. While rows of several tests
    are there (tests/rows.py), nothing is committed."""
    yield
    if connection.connection is None or connection.in_atomic_block:
        return
    with item.config.stash[blocking_manager_key].unblock():
        try:
            left = committed_events() if has_committed_events() else []
        except Error:  # the test took the database away
            return
        if left:
            empty_filled_tables()
            pytest.fail(f"it wrote without the fixture db or transactional_db, and left {left}", pytrace=False)


def empty_filled_tables(test: TransactionTestCase | None = None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL ROLE NONE")  # back to the owner (tests/plain_role.py)
            cursor.execute(ON_POSTGRESQL, [sorted(WRITTEN_BY_MIGRATE)])
            return
        kept = _without_triggers(cursor)
        for table in set(connection.introspection.django_table_names(only_existing=True)) - WRITTEN_BY_MIGRATE:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        for trigger in kept:
            cursor.execute(trigger)


def _without_triggers(cursor: CursorWrapper) -> list[str]:
    """Take off what keeps the rows of billing in SQLite; return how it is made again."""
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'billing_%_not_deleted'")
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP TRIGGER {name}")
    return [sql for _, sql in found]


TransactionTestCase._fixture_teardown = empty_filled_tables  # type: ignore[method-assign]
