"""On PostgreSQL the tests run as the application's production role, which owns nothing and cannot bypass row-level
security. The owner of the test database only creates, empties and drops it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.databases import ROLE, name_of


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Point Django's connections to this database; DATABASE_URL names its owner."""
    connection.close()
    before = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = url.removeprefix("sqlite:///") if connection.vendor == "sqlite" else name_of(url)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


@contextmanager
def as_plain_role() -> Iterator[None]:
    """Make every connection opened inside, in any thread, use the plain role."""
    if connection.vendor != "postgresql":
        yield
        return
    options = connection.settings_dict["OPTIONS"]
    as_owner = options["options"]
    # of libpq, for Django's own assume_role waits for itself where there is a pool
    options["options"] += f" -c role={ROLE}"
    connection.close()
    connection.close_pool()
    yield
    options["options"] = as_owner
    connection.close()
    connection.close_pool()


@contextmanager
def as_owner() -> Iterator[None]:
    """Use this connection as the database owner, to act as an operator or look past row-level security."""
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
