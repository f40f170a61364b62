"""Sealing: the next seal covers the events added to a practice's trail since the last one (docs/adr/0009).

Only sealers wait for each other, by a lock for each practice; writers do not. What an interrupted sealer has not done
stays in the queue.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from audit import keys
from audit.models import Digest, Event, Seal, Unsealed
from audit.seals.chain import START
from audit.seals.log_reader import Finding, Row, practice_ids_in, read

BATCH_ROWS = 5_000  # events of one seal


class Sealing:
    """A run over the queue. `events` and `seals` count what it has done so far."""

    def __init__(self, *, batch_rows: int = BATCH_ROWS) -> None:
        self._batch_rows = batch_rows
        self.events = self.seals = 0

    def run(self, practice_id: UUID | None = None) -> Iterator[Finding]:
        """Seal queued events, of one practice or all. Yield a finding for each event that has been tampered with: it
        stays in the queue, and all others are sealed."""
        for one in practice_ids_in(Unsealed) if practice_id is None else [practice_id]:
            yield from self._seal_practice(one)

    def _seal_practice(self, practice_id: UUID) -> Iterator[Finding]:
        waiting = Unsealed.objects.filter(practice_id=practice_id).order_by("event_id")
        after = START
        while True:
            with transaction.atomic():
                _lock(practice_id)
                batch = waiting.filter(event_id__gt=after)[: self._batch_rows]
                ids = list(batch.values_list("event_id", flat=True))
                sound, findings = _read_queued(practice_id, ids)
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
        # exactly these rows and not a range: others may have been committed in between
        Unsealed.objects.filter(pk__in=[UUID(bytes=row.id) for row in rows]).delete()
        self.events += len(rows)
        self.seals += 1


def _lock(practice_id: UUID) -> None:
    """Wait for another sealer of this practice; SQLite has one writer at a time anyway. `core.database.locks.take_lock`
    does the same, but core stands above this app."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"seal:{practice_id}"])


def _read_queued(practice_id: UUID, ids: list[UUID]) -> tuple[list[Row], list[Finding]]:
    """Return the intact events of these ids, in order, and findings for the others."""
    rows = {row.id: row for row in read(Event.objects.filter(practice_id=practice_id, pk__in=ids))}
    findings = [Finding("audit_event", pk, MISSING_EVENT) for pk in ids if pk.bytes not in rows]
    findings += [Finding("audit_event", UUID(bytes=row.id), row.fault) for row in rows.values() if row.fault]
    return [row for row in rows.values() if not row.fault], findings


MISSING_EVENT = "is queued for sealing but missing"


def _first_id_after(moment: datetime) -> bytes:
    """UUIDv7 begins with milliseconds."""
    return ((int(moment.timestamp() * 1000) + 1) << 80).to_bytes(16, "big")
