"""Moving every encrypted value to the newest key of the ring (docs/adr/0007)."""

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from django.db import connection

from core.encryption import rows
from core.encryption.keyring import DecryptionError, Keyring, header_of

PASSES = 3  # over rows that somebody had locked


class Unreadable(NamedTuple):
    """A value that does not decrypt. Of the row, its key alone."""

    model: str
    field: str
    pk: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.model}.{self.field} of {self.pk}: {self.reason}"


class Rotation:
    """Of all values that are not under the ring's newest key. `changed` counts rows; `unreadable` holds the values that
    had to stay as they are."""

    def __init__(self, ring: Keyring, *, batch_rows: int = rows.BATCH_ROWS) -> None:
        self.key_id, self._ring, self._batch_rows = ring.newest_id, ring, batch_rows
        self._header = header_of(self.key_id)
        self.changed = 0
        self.unreadable: list[Unreadable] = []

    def waiting(self) -> int:
        """Rows."""
        return sum(self._in_part(part, lambda found: found.count()) for part in rows.parts())

    def is_needed(self) -> bool:
        return any(self._in_part(part, lambda found: found.exists()) for part in rows.parts())

    def is_unfinished(self) -> bool:
        """Whether there is a value that can be moved; one that cannot be decrypted may wait for ever."""
        return any(self._can_move_some(part) for part in rows.parts())

    def _can_move_some(self, part: rows.Part) -> bool:
        with part.scope():
            waiting = rows.batches(rows.not_under(self.key_id, part), self._batch_rows, *map(rows.raw, part.fields))
            return any(self._renewed(part, row) is not None for batch in waiting for row in batch)

    def _in_part(self, part: rows.Part, ask: Any) -> Any:
        with part.scope():
            return ask(rows.not_under(self.key_id, part))

    def run(self) -> Generator[int]:
        """Yields how many rows each batch looked at. Stopped anywhere, whole batches are done, and another run goes on
        from there."""
        for _ in range(PASSES):
            self.unreadable.clear()
            for part in rows.parts():
                yield from self._run(part)
            if self.waiting() <= len({failed.pk for failed in self.unreadable}):
                return

    def _run(self, part: rows.Part) -> Iterator[int]:
        def renew(*row: Any) -> list[Any] | None:
            renewed = self._renewed(part, row)
            self.changed += renewed is not None
            return renewed

        with part.scope():
            yield from rows.rewrite(
                rows.not_under(self.key_id, part),
                read=[rows.raw(field) for field in part.fields],
                write=part.fields,
                change=renew,
                size=self._batch_rows,
            )

    def _renewed(self, part: rows.Part, row: Any) -> list[Any] | None:
        """The row's columns as they are to be stored; None where nothing of it can be moved."""
        pk, *stored = row
        old = [None if value is None else bytes(value) for value in stored]
        new = [self._moved(part, field, pk, value) for field, value in zip(part.fields, old, strict=True)]
        return None if new == old else [None if value is None else _binary(value) for value in new]

    def _moved(self, part: rows.Part, field: Any, pk: Any, envelope: bytes | None) -> bytes | None:
        if envelope is None or envelope.startswith(self._header):
            return envelope
        label = field.label.encode()
        try:
            return self._ring.encrypt(self._ring.decrypt(envelope, label), label)
        except DecryptionError as error:
            self.unreadable.append(Unreadable(part.model._meta.label, field.name, pk, error.reason))
            return envelope


def _binary(value: bytes) -> Any:
    return connection.Database.Binary(value)  # type: ignore[attr-defined] # of each backend's own driver


def values_by_key() -> Counter[tuple[str, int | None]]:
    """How many values each model holds under each key; key None: what is no envelope of ours."""
    found: Counter[tuple[str, int | None]] = Counter()
    for part in rows.parts():
        with part.scope():
            for (_, key_id), count in rows.count_by_key(part).items():
                found[part.model._meta.label, key_id] += count
    return found
