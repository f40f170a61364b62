"""Statements that travel together (docs/adr/0057)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from audit import log


@contextmanager
def sent_together() -> Iterator[None]:
    """Have the statements of the block wait until a result is asked for, or the block ends, and send those that wait in
    one message. What one of them raises is raised then, and the transaction in which the block runs is rolled back;
    AuditLogUnavailable if it is an event that cannot be written.

    Outside of a transaction, and on SQLite, to which no message travels, each runs at once.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        together = connection.sent_together()  # type: ignore[attr-defined] # core.tenancy.postgresql
        with log.refusing_unwritten(), together:
            yield
    else:
        yield
