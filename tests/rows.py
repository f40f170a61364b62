"""Rows shared by several tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from pytest_django import DjangoDbBlocker


@contextmanager
def rows_for_several_tests(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Wrap a class or module fixture: rows created inside exist for each of its tests, which roll back to them, and are
    removed when the context ends. None of those tests may use real transactions."""
    with blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
