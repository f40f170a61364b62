"""Visits of the demo, with what has happened to them by now.

Everything else of the demo goes through the services that people use. Here there are hundreds, and whoever tries Praxis
waits for them, so the rows are inserted at once, with the history that the services would have written."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment, AppointmentEvent, AppointmentStatus, CancelReason, EventKind
from demo.cases import Case
from demo.load import insert
from records.models import MedicalRecord

CANCELLED_SHARE, NO_SHOW_SHARE, CONFIRMED_SHARE, NO_RECORD_SHARE = 0.07, 0.06, 0.5, 0.2
QUARTER, EARLY, BOOKED_AHEAD = timedelta(minutes=15), timedelta(minutes=5), timedelta(days=6)
REASONS = (CancelReason.PATIENT_ASKED, CancelReason.PATIENT_ILL, CancelReason.PRACTICE)
FACTS = {
    "confirmed_at": EventKind.CONFIRMED,
    "arrived_at": EventKind.ARRIVED,
    "started_at": EventKind.STARTED,
    "finished_at": EventKind.FINISHED,
    "no_show_at": EventKind.NO_SHOW,
    "cancelled_at": EventKind.CANCELLED,
}
BY_DOCTOR = {EventKind.STARTED, EventKind.FINISHED}


def facts(random: Random, start: datetime, end: datetime) -> dict[str, Any]:
    """Return what has happened by now to a visit of this time, as fields of Appointment."""
    now, roll = timezone.now(), random.random()
    if roll < CANCELLED_SHARE:
        at = min(start, now) - timedelta(days=2)
        cancelled = {"cancelled_at": at, "cancelled_late": False, "cancel_reason": random.choice(REASONS)}
        return {"status": AppointmentStatus.CANCELLED, **cancelled}
    if start > now:
        known = {"arrived_at": now - EARLY} if start <= now + QUARTER else {}
        confirmed = {"confirmed_at": now - timedelta(days=1)} if roll < CONFIRMED_SHARE else {}
        return {**known, **confirmed}
    if roll < CANCELLED_SHARE + NO_SHOW_SHARE:
        return {"no_show_at": min(start + QUARTER, now)}
    came = {"arrived_at": start - EARLY, "started_at": start}
    if end > now:
        return came
    return {**came, "status": AppointmentStatus.COMPLETED, "finished_at": end}


def visit_of(random: Random, doctor: User, start: datetime, end: datetime, **fields: Any) -> Appointment:
    """Return a visit at the doctor's own office, with what has happened to it by now."""
    here = {"doctor": doctor, "office_id": doctor.office_id, "starts_at": start, "ends_at": end}
    return Appointment(**here, **fields, **facts(random, start, end))


def insert_visits(random: Random, visits: list[tuple[Appointment, Case]], desk: User) -> None:
    """Insert them with their history, and the records that the doctors have got round to."""
    insert([visit for visit, _ in visits])
    events = [event for visit, _ in visits for event in _history(visit, desk)]
    AppointmentEvent.objects.bulk_create(events, batch_size=500)
    insert([*_records(random, visits)])


def _history(visit: Appointment, desk: User) -> Iterator[AppointmentEvent]:
    booked = min(visit.starts_at, timezone.now()) - BOOKED_AHEAD
    facts = [(getattr(visit, name), what) for name, what in FACTS.items() if getattr(visit, name)]
    for at, what in [(booked, EventKind.BOOKED), *facts]:
        by = visit.doctor if what in BY_DOCTOR else desk
        yield AppointmentEvent(appointment=visit, by=by, what=what, created_at=at, practice_id=visit.practice_id)


def _records(random: Random, visits: Iterable[tuple[Appointment, Case]]) -> Iterator[MedicalRecord]:
    """Yield what the doctors wrote of the visits that are over; of some they have not got round to it yet."""
    for visit, case in visits:
        if visit.status == AppointmentStatus.COMPLETED and random.random() > NO_RECORD_SHARE:
            yield MedicalRecord(
                practice_id=visit.practice_id,
                appointment=visit,
                patient_id=visit.patient_id,
                doctor=visit.doctor,
                date=visit.ends_at,
                **case.record(),
            )
