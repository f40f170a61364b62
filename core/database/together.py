"""Statements that travel together (docs/adr/0057)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def sent_together() -> Iterator[None]:
    """Have the statements of the block wait until a result is asked for, or the block ends, and send those that wait in
    one message. What one of them raises is raised then, and the transaction in which the block runs is rolled back.

    Outside of a transaction, and on SQLite, to which no message travels, each runs at once.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.sent_together():  # type: ignore[attr-defined] # core.tenancy.postgresql
            yield
    else:
        yield
