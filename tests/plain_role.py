"""On PostgreSQL the tests run as the role that the application has in production, which owns nothing and cannot bypass
row-level security: whoever made the test database only makes it, empties it and drops it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from django.core.management import call_command
from django.db import connection

from tests.server import application_role


@contextmanager
def as_plain_role() -> Iterator[None]:
    """Every connection that is opened inside, in any thread, takes the role on."""
    if connection.vendor != "postgresql":
        yield
        return
    role, options = application_role(connection.settings_dict["NAME"]), connection.settings_dict["OPTIONS"]
    call_command("setup_database_roles", "--apply", role=role, verbosity=0, stdout=StringIO(), stderr=StringIO())
    empty_tables = connection.ops.execute_sql_flush
    connection.ops.execute_sql_flush = lambda statements: empty_tables(["SET LOCAL ROLE NONE", *statements])
    options["options"] = f"-c role={role}"  # of libpq; Django's own assume_role waits for itself where there is a pool
    connection.close()
    connection.close_pool()
    yield
    del options["options"], connection.ops.execute_sql_flush
    connection.close()
    connection.close_pool()
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(role)
        cursor.execute(f"DROP OWNED BY {name}")
        cursor.execute(f"DROP ROLE {name}")


@contextmanager
def as_owner() -> Iterator[None]:
    """On this connection once more who made the database: for what an operator does, or looks at past the wall."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
