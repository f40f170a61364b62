"""Jobs of tests. They are registered for one test, which removes them again (`made_up`)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from notifications.jobs import job, registry


@contextmanager
def made_up(function: Callable[..., Any], name: str = "test.job", **options: Any) -> Iterator[Callable[..., Any]]:
    try:
        yield job(name, **options)(function)
    finally:
        registry.KINDS.pop(name)
