"""A practice's chain of seals, and the events that each of them covers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import models

from audit.models import Event, Seal
from audit.seals.log_reader import Row, read, read_named

START = UUID(int=0)  # before any event


class Chain:
    """The practice's seals in order, from the first made at or after `since`, each with its events in the order of its
    digest. Iterate once and in order, each seal's events before the next seal; then `uncovered`.

    `before` is the previous seal. `watch` is called with every event after it, whatever covers it. Use `with`: a cursor
    that is left to the garbage collector may be closed in the middle of another statement, which then deadlocks.
    """

    def __init__(
        self, practice_id: UUID, *, since: datetime | None = None, watch: Callable[[Row], object] = lambda row: None
    ) -> None:
        self._practice_id, self._watch = practice_id, watch
        seals = Seal.objects.filter(practice_id=practice_id).order_by("number")
        self.before = seals.filter(at__lt=since).last() if since else None
        self._seals = seals.filter(number__gt=self.before.number) if self.before else seals
        self.begins_after = self.before.last_event if self.before else START
        self._apart = _ids_apart(seals)
        self._opened = ExitStack()
        events = Event.objects.filter(practice_id=practice_id, pk__gt=self.begins_after)
        self._events = self._opened.enter_context(closing(read(events)))
        self._next: Row | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def __iter__(self) -> Iterator[tuple[Seal, Iterator[Row]]]:
        self._step()
        seals: Any = self._seals.iterator(chunk_size=100)  # a generator, which its stub does not say
        for seal in self._opened.enter_context(closing(seals)):
            yield seal, self._covered_by(seal)

    def _step(self) -> None:
        self._next = next(self._events, None)
        if self._next is not None:
            self._watch(self._next)

    def _covered_by(self, seal: Seal) -> Iterator[Row]:
        yield from read_named(self._practice_id, bytes(seal.apart))
        yield from self._until(seal.last_event.bytes)

    def uncovered(self) -> Iterator[Row]:
        """Yield the events after the last seal that are not queued."""
        return self._until(b"\xff" * 16)

    def _until(self, last: bytes) -> Iterator[Row]:
        while (row := self._next) is not None and row.id <= last:
            if not row.waiting and row.id not in self._apart:
                yield row
            self._step()

    def is_apart(self, row: Row) -> bool:
        return row.id in self._apart


def _ids_apart(seals: "models.QuerySet[Seal]") -> set[bytes]:
    named = (bytes(ids) for ids in seals.exclude(apart=b"").values_list("apart", flat=True).iterator())
    return {ids[start : start + 16] for ids in named for start in range(0, len(ids), 16)}
