"""Sealing: what was added to a practice's trail since its last seal is covered by the next one (docs/adr/0009).

Writers are not kept waiting: sealers alone take turns, by a lock for each practice. What a sealer has not finished
is in the queue for the next one.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from audit import keys
from audit.chain import START
from audit.models import Digest, Event, Seal, Unsealed
from audit.rows import Finding, Row, practices, read

BATCH_ROWS = 5_000  # to a seal


class Sealing:
    """A run over the queue. `events` and `seals` say what it has done so far."""

    def __init__(self, *, batch_rows: int = BATCH_ROWS) -> None:
        self._batch_rows = batch_rows
        self.events = self.seals = 0

    def run(self, practice_id: UUID | None = None) -> Iterator[Finding]:
        """Seal what waits, of one practice or of all. Yields what it had to leave out: rows that are not what was
        written. They stay in the queue, and all others are sealed."""
        for one in practices(Unsealed) if practice_id is None else [practice_id]:
            yield from self._seal_practice(one)

    def _seal_practice(self, practice_id: UUID) -> Iterator[Finding]:
        waiting = Unsealed.objects.filter(practice_id=practice_id).order_by("event_id")
        after = START
        while True:
            with transaction.atomic():
                _take_turns(practice_id)
                batch = waiting.filter(event_id__gt=after)[: self._batch_rows]
                ids = list(batch.values_list("event_id", flat=True))
                sound, findings = _look_at(practice_id, ids)
                if sound:
                    self._seal(practice_id, sound)
            yield from findings
            if len(ids) < self._batch_rows:
                return
            after = ids[-1]

    def _seal(self, practice_id: UUID, rows: list[Row]) -> None:
        before = Seal.objects.filter(practice_id=practice_id).order_by("number").last()
        now = timezone.now()
        reached = before.last_event.bytes if before else START.bytes
        in_line = [row for row in rows if reached < row.id < _first_id_after(now)]
        apart = [row for row in rows if not reached < row.id < _first_id_after(now)]
        seal = Seal(
            id=uuid7(),
            at=now,
            practice_id=practice_id,
            number=before.number + 1 if before else 1,
            last_event=UUID(bytes=in_line[-1].id if in_line else reached),
            apart=b"".join(row.id for row in apart),
            count=len(rows),
            key_id=keys.newest_key_id(),
        )
        digest = Digest(seal, before=before)
        for row in (*apart, *in_line):
            digest.add(row.line())
        seal.digest = digest.digest()
        seal.sign()
        seal.save(force_insert=True)
        # these rows and no span of them: others may have been committed in between
        Unsealed.objects.filter(pk__in=[UUID(bytes=row.id) for row in rows]).delete()
        self.events += len(rows)
        self.seals += 1


def _take_turns(practice_id: UUID) -> None:
    """SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"seal:{practice_id}"])


def _look_at(practice_id: UUID, ids: list[UUID]) -> tuple[list[Row], list[Finding]]:
    """Of the queue's ids the events as they should be, in order, and what is wrong with the others."""
    rows = {row.id: row for row in read(Event.objects.filter(practice_id=practice_id, pk__in=ids))}
    findings = [Finding("audit_event", pk, NOT_THERE) for pk in ids if pk.bytes not in rows]
    findings += [Finding("audit_event", UUID(bytes=row.id), row.fault) for row in rows.values() if row.fault]
    return [row for row in rows.values() if not row.fault], findings


NOT_THERE = "waits to be sealed, and is not there"


def _first_id_after(moment: datetime) -> bytes:
    """UUIDv7 begins with milliseconds."""
    return ((int(moment.timestamp() * 1000) + 1) << 80).to_bytes(16, "big")
