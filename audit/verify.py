"""Checking the trail against its MACs and seals (docs/adr/0009). Reads one snapshot, in the order of the events, a part
of it in memory at a time, and writes nothing."""

import hmac
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, models
from django.db.models.functions import Cast

from audit.chain import Chain
from audit.models import Digest, Event, Seal, Subject, Unsealed
from audit.rows import CHUNK_ROWS, EVERYWHERE, Finding, Row, fault, practices, snapshot
from audit.seals import NOT_THERE
from audit.stored import first_misfit

Exported = Mapping[UUID, tuple[int, bytes]]  # of a practice: the number and the line of a seal that was kept elsewhere


class Tampered(Exception):
    def __init__(self, table: str, pk: object, what: str) -> None:
        self.finding = Finding(table, pk, what)
        super().__init__(str(self.finding))


class Waiting(NamedTuple):
    """Events that no seal covers yet, and when the oldest of them was written."""

    events: int = 0
    oldest: datetime | None = None


class Verification:
    """Of one practice's trail, or of all. Counts what it has looked at so far. `seen` is called with each event."""

    def __init__(self, *, seen: Callable[[], object] = lambda: None) -> None:
        self._seen = seen
        self.events = self.seals = 0
        self.waiting = Waiting()

    def run(self, *, practice_id: UUID | None = None, since: datetime | None = None, exported: Exported) -> None:
        """Raises Tampered for the first thing that is not as it was written. `since`: from the first seal on that was
        made then or later."""
        with snapshot():
            misfit = first_misfit()
            if misfit:
                raise Tampered(*misfit)
            for one, (number, line) in exported.items():
                if practice_id in (None, one):
                    _check_exported(one, number, line)
            for one in practices(*EVERYWHERE) if practice_id is None else [practice_id]:
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
            raise Tampered("audit_event", UUID(bytes=row.id), "no seal covers it, and it does not wait for one")

    def _check_row(self, row: Row, chain: Chain, subjects: "_Subjects") -> None:
        raise_tampered = partial(Tampered, "audit_event", UUID(bytes=row.id))
        if row.fault:
            raise raise_tampered(row.fault)
        if row.waiting:
            if chain.is_apart(row):
                raise raise_tampered("is sealed, and waits to be sealed again")
            oldest = min(row.at, self.waiting.oldest or row.at)
            self.waiting = Waiting(self.waiting.events + 1, oldest)
        subjects.check(row)
        self.events += 1
        self._seen()


def _check_exported(practice_id: UUID, number: int, line: bytes) -> None:
    seal = Seal.objects.filter(practice_id=practice_id, number=number).first()
    if seal is None:
        raise Tampered("audit_seal", f"{number} of {practice_id}", "was exported, and is not there: the end is cut off")
    if seal.line() != line:
        raise Tampered("audit_seal", seal.pk, f"number {number} of {practice_id} is not what was exported")


def _check_number(seal: Seal, before: Seal | None) -> None:
    due = before.number + 1 if before else 1
    if seal.number != due:
        raise Tampered("audit_seal", seal.pk, f"number {due} of {seal.practice_id} should be here, not {seal.number}")


def _check_seal(seal: Seal, digest: bytes, count: int) -> None:
    wrong = fault(seal.canonical(), bytes(seal.mac), key_id=seal.key_id, purpose="seal")
    if not wrong and count != seal.count:
        wrong = f"it covers {seal.count:,} events, of which {count:,} are there"
    if not wrong and not hmac.compare_digest(digest, bytes(seal.digest)):
        wrong = "the events that it covers, or the seal before it, are not those that were sealed"
    if wrong:
        raise Tampered("audit_seal", seal.pk, f"{wrong} (number {seal.number} of {seal.practice_id})")


def _check_queue(practice_id: UUID) -> None:
    events = Event.objects.filter(pk=models.OuterRef("event_id"), practice_id=practice_id)
    lost = Unsealed.objects.filter(~models.Exists(events), practice_id=practice_id).first()
    if lost:
        raise Tampered("audit_event", lost.pk, NOT_THERE)


class _Subjects:
    """That audit_subject says the same as the events' `patients`: both are read in one order, side by side, as the
    database writes ids down: making UUIDs of them would take longer than all else."""

    def __init__(self, practice_id: UUID, *, after: UUID) -> None:
        told = Subject.objects.filter(practice_id=practice_id, event_id__gt=after).order_by("event_id", "patient_id")
        texts = [Cast(name, models.TextField()) for name in ("event_id", "patient_id")]
        self._dash = "" if connection.vendor == "sqlite" else "-"
        self._told: Any = told.values_list(*texts).iterator(CHUNK_ROWS)
        self._next = next(self._told, None)

    def check(self, row: Row) -> None:
        """Every row of the trail in turn."""
        if not row.patients:
            return
        event = str(UUID(bytes=row.id)).replace("-", self._dash)
        for patient in sorted(row.patients):
            due = (event, patient.replace("-", self._dash))
            if self._next != due:
                self._refuse(due)
            self._next = next(self._told, None)

    def close(self) -> None:
        self._told.close()

    def check_end(self) -> None:
        if self._next is not None:
            self._refuse(None)

    def _refuse(self, due: tuple[str, str] | None) -> None:
        if self._next is None or (due is not None and due < self._next):
            raise Tampered("audit_subject", due, "is missing: the event (first) tells of the patient (second)")
        raise Tampered("audit_subject", self._next, "the event (first) does not tell of the patient (second)")
