"""Two transactions that wait for each other: PostgreSQL ends one of them, and whoever sent it may try again."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError

from core.errors import Conflict

DEADLOCK = "40P01"


@contextmanager
def deadlock_is_conflict(sentence: str) -> Iterator[None]:
    """Around a transaction; raises Conflict with this sentence where it was the one that was ended."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
            raise
        raise Conflict(sentence) from error
