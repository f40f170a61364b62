"""Deadlocks: PostgreSQL aborts one of two transactions that wait for each other, and it may be retried."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError

from core.errors import Conflict, Sentence

DEADLOCK = "40P01"


@contextmanager
def deadlock_as_conflict(sentence: Sentence) -> Iterator[None]:
    """Raise Conflict with this sentence if the transaction inside is aborted because of a deadlock."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
            raise
        raise Conflict(sentence) from error
