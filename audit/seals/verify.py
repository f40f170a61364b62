"""Verification of the audit trail against its MACs and seals (docs/adr/0009). Reads one snapshot in chunks, in the
order of the events, and writes nothing."""

import hmac
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, models
from django.db.models.functions import Cast

from audit.models import Digest, Event, Seal, Subject, Unsealed
from audit.seals.chain import Chain
from audit.seals.log_reader import ALL_TABLES, CHUNK_ROWS, Finding, Row, fault, practice_ids_in, snapshot
from audit.seals.sealing import MISSING_EVENT
from audit.seals.storage_format import find_malformed_row

Exported = Mapping[UUID, tuple[int, bytes]]  # practice: number and line of a seal that was kept elsewhere


class Tampered(Exception):
    """The trail has been changed."""

    def __init__(self, table: str, pk: object, what: str) -> None:
        self.finding = Finding(table, pk, what)
        super().__init__(str(self.finding))


class Waiting(NamedTuple):
    """Events that no seal covers yet, and when the oldest of them was written."""

    events: int = 0
    oldest: datetime | None = None


class Verification:
    """Verifies the trail of one practice or all, and counts what it has checked so far. `seen` is called for each
    event."""

    def __init__(self, *, seen: Callable[[], object] = lambda: None) -> None:
        self._seen = seen
        self.events = self.seals = 0
        self.waiting = Waiting()

    def run(self, *, practice_id: UUID | None = None, since: datetime | None = None, exported: Exported) -> None:
        """Raise Tampered for the first fault. With `since`, check from the first seal made at or after that time."""
        with snapshot():
            malformed = find_malformed_row()
            if malformed:
                raise Tampered(*malformed)
            for one, (number, line) in exported.items():
                if practice_id in (None, one):
                    _check_exported(one, number, line)
            for one in practice_ids_in(*ALL_TABLES) if practice_id is None else [practice_id]:
                self._check(one, since)

    def _check(self, practice_id: UUID, since: datetime | None) -> None:
        with (
            Chain(practice_id, since=since, watch=lambda row: self._check_row(row, chain, subjects)) as chain,
            closing(_Subjects(practice_id, after=chain.begins_after)) as subjects,
        ):
            self._check_chain(chain)
            subjects.check_end()
        _check_queue(practice_id)

    def _check_chain(self, chain: Chain) -> None:
        before = chain.before
        for seal, rows in chain:
            _check_number(seal, before)
            digest, count = Digest(seal, before=before), 0
            for row in rows:
                digest.add(row.line())
                count += 1
            _check_seal(seal, digest.digest(), count)
            self.seals += 1
            before = seal
        for row in chain.uncovered():
            raise Tampered("audit_event", UUID(bytes=row.id), "is covered by no seal and not queued for one")

    def _check_row(self, row: Row, chain: Chain, subjects: "_Subjects") -> None:
        raise_tampered = partial(Tampered, "audit_event", UUID(bytes=row.id))
        if row.fault:
            raise raise_tampered(row.fault)
        if row.waiting:
            if chain.is_apart(row):
                raise raise_tampered("is sealed but still queued for sealing")
            oldest = min(row.at, self.waiting.oldest or row.at)
            self.waiting = Waiting(self.waiting.events + 1, oldest)
        subjects.check(row)
        self.events += 1
        self._seen()


def _check_exported(practice_id: UUID, number: int, line: bytes) -> None:
    seal = Seal.objects.filter(practice_id=practice_id, number=number).first()
    if seal is None:
        raise Tampered("audit_seal", f"{number} of {practice_id}", "was exported but is missing: the end is cut off")
    if seal.line() != line:
        raise Tampered("audit_seal", seal.pk, f"number {number} of {practice_id} differs from what was exported")


def _check_number(seal: Seal, before: Seal | None) -> None:
    expected = before.number + 1 if before else 1
    if seal.number != expected:
        raise Tampered(
            "audit_seal", seal.pk, f"number {expected} of {seal.practice_id} should be here, not {seal.number}"
        )


def _check_seal(seal: Seal, digest: bytes, count: int) -> None:
    wrong = fault(seal.canonical(), bytes(seal.mac), key_id=seal.key_id, purpose="seal")
    if not wrong and count != seal.count:
        wrong = f"it covers {seal.count:,} events, but {count:,} are there"
    if not wrong and not hmac.compare_digest(digest, bytes(seal.digest)):
        wrong = "the events it covers, or the seal before it, have changed since it was made"
    if wrong:
        raise Tampered("audit_seal", seal.pk, f"{wrong} (number {seal.number} of {seal.practice_id})")


def _check_queue(practice_id: UUID) -> None:
    events = Event.objects.filter(pk=models.OuterRef("event_id"), practice_id=practice_id)
    lost = Unsealed.objects.filter(~models.Exists(events), practice_id=practice_id).first()
    if lost:
        raise Tampered("audit_event", lost.pk, MISSING_EVENT)


class _Subjects:
    """Checks that audit_subject matches the events' `patients`. Both are read in the same order, side by side, and ids
    are compared as the database's text, because converting them to UUIDs would take longer than everything else."""

    def __init__(self, practice_id: UUID, *, after: UUID) -> None:
        subjects = Subject.objects.filter(practice_id=practice_id, event_id__gt=after)
        texts = [Cast(name, models.TextField()) for name in ("event_id", "patient_id")]
        self._dash = "" if connection.vendor == "sqlite" else "-"
        self._rows: Any = subjects.order_by("event_id", "patient_id").values_list(*texts).iterator(CHUNK_ROWS)
        self._next = next(self._rows, None)

    def check(self, row: Row) -> None:
        """Check the next event; to be called for each event in order."""
        if not row.patients:
            return
        event = str(UUID(bytes=row.id)).replace("-", self._dash)
        for patient in sorted(row.patients):
            expected = (event, patient.replace("-", self._dash))
            if self._next != expected:
                self._raise_tampered(expected)
            self._next = next(self._rows, None)

    def close(self) -> None:
        self._rows.close()

    def check_end(self) -> None:
        if self._next is not None:
            self._raise_tampered(None)

    def _raise_tampered(self, expected: tuple[str, str] | None) -> None:
        if self._next is None or (expected is not None and expected < self._next):
            raise Tampered("audit_subject", expected, "is missing: the event (first) names the patient (second)")
        raise Tampered("audit_subject", self._next, "the event (first) does not name the patient (second)")
