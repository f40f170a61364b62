"""Re-encrypting every value under the newest key of the ring (docs/adr/0007)."""

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from django.db import connection

from core.encryption import batch_rewrite
from core.encryption.keyring import DecryptionError, Keyring, header_of

PASSES = 3  # further ones for rows that were locked


class Unreadable(NamedTuple):
    """A value that does not decrypt. Of its row it names only the primary key."""

    model: str
    field: str
    pk: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.model}.{self.field} of {self.pk}: {self.reason}"


class Rotation:
    """Re-encrypts all values that are not under the ring's newest key. `changed` counts rows; `unreadable` lists values
    that were left unchanged."""

    def __init__(self, ring: Keyring, *, batch_rows: int = batch_rewrite.BATCH_ROWS) -> None:
        self.key_id, self._ring, self._batch_rows = ring.newest_id, ring, batch_rows
        self._header = header_of(self.key_id)
        self.changed = 0
        self.unreadable: list[Unreadable] = []

    def waiting(self) -> int:
        """Return the number of rows to change."""
        return sum(self._in_part(part, lambda found: found.count()) for part in batch_rewrite.parts())

    def is_needed(self) -> bool:
        return any(self._in_part(part, lambda found: found.exists()) for part in batch_rewrite.parts())

    def is_unfinished(self) -> bool:
        """Return whether there is a value to move; those that cannot be decrypted do not count."""
        return any(self._can_move_some(part) for part in batch_rewrite.parts())

    def _can_move_some(self, part: batch_rewrite.Part) -> bool:
        with part.scope():
            waiting = batch_rewrite.batches(
                batch_rewrite.not_under_key(self.key_id, part), self._batch_rows, *map(batch_rewrite.raw, part.fields)
            )
            return any(self._renewed(part, row) is not None for batch in waiting for row in batch)

    def _in_part(self, part: batch_rewrite.Part, ask: Any) -> Any:
        with part.scope():
            return ask(batch_rewrite.not_under_key(self.key_id, part))

    def run(self) -> Generator[int]:
        """Yield the number of rows that each batch looked at. It may be stopped after any batch; another run continues
        from there."""
        for _ in range(PASSES):
            self.unreadable.clear()
            for part in batch_rewrite.parts():
                yield from self._run(part)
            if self.waiting() <= len({failed.pk for failed in self.unreadable}):
                return

    def _run(self, part: batch_rewrite.Part) -> Iterator[int]:
        def renew(*row: Any) -> list[Any] | None:
            renewed = self._renewed(part, row)
            self.changed += renewed is not None
            return renewed

        with part.scope():
            yield from batch_rewrite.rewrite(
                batch_rewrite.not_under_key(self.key_id, part),
                read=[batch_rewrite.raw(field) for field in part.fields],
                write=part.fields,
                change=renew,
                size=self._batch_rows,
            )

    def _renewed(self, part: batch_rewrite.Part, row: Any) -> list[Any] | None:
        """Return the row's new columns; None if nothing changes."""
        pk, *stored = row
        old = [None if value is None else bytes(value) for value in stored]
        new = [self._moved(part, field, pk, value) for field, value in zip(part.fields, old, strict=True)]
        return None if new == old else [None if value is None else _binary(value) for value in new]

    def _moved(self, part: batch_rewrite.Part, field: Any, pk: Any, envelope: bytes | None) -> bytes | None:
        if envelope is None or envelope.startswith(self._header):
            return envelope
        label = field.label.encode()
        try:
            return self._ring.encrypt(self._ring.decrypt(envelope, label), label)
        except DecryptionError as error:
            self.unreadable.append(Unreadable(part.model._meta.label, field.name, pk, error.reason))
            return envelope


def _binary(value: bytes) -> Any:
    return connection.Database.Binary(value)  # type: ignore[attr-defined] # each backend's own driver


def values_by_key() -> Counter[tuple[str, int | None]]:
    """Count the values by model and key; key None means it is no envelope."""
    found: Counter[tuple[str, int | None]] = Counter()
    for part in batch_rewrite.parts():
        with part.scope():
            for (_, key_id), count in batch_rewrite.count_by_key(part).items():
                found[part.model._meta.label, key_id] += count
    return found
