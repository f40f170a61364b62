"""This week and the next of the demo practice, as full as a busy clinic's: most times are taken, some visits were
cancelled, some patients didn't come, and of today's some are over, one is with the doctor and the next is here.

Everything else of the demo goes through the services that people use. Here there are hundreds of visits, and whoever
tries Praxis waits for them, so the rows are inserted at once, with the history that the services would have written."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import User
from appointments.models import (
    Appointment,
    AppointmentEvent,
    AppointmentStatus,
    AppointmentType,
    CancelReason,
    EventKind,
    Room,
)
from demo.calendar import is_working_day
from demo.cases import Case, cases_of
from demo.load import insert
from demo.people import make_random, person
from patients.models import Patient
from practices.models import Practice
from records.models import MedicalRecord

CHARTS = 120  # so that nobody comes every day
WORKING_HOURS = ((time(9), time(12)), (time(13), time(17)))
TAKEN_SHARE, CANCELLED_SHARE, NO_SHOW_SHARE, CONFIRMED_SHARE, NO_RECORD_SHARE = 0.95, 0.07, 0.06, 0.5, 0.2
KIND_WEIGHTS = (2, 10, 1, 1)  # in the order of the practice's types
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
Span = tuple[datetime, datetime]


def full_days(today: date) -> list[date]:
    """Return the working days of this week and the next."""
    monday = today - timedelta(days=today.weekday())
    return [day for day in (monday + timedelta(days=number) for number in range(14)) if is_working_day(day)]


def fill(practice: Practice, desk: User, doctors: Iterable[User]) -> None:
    """Insert the visits, with patients of their own, around those that are booked already."""
    random = make_random("demo week")
    doctors = list(doctors)
    patients = _add_charts(practice, random, doctors)
    plan = _Plan(practice, random)
    visits = [visit for doctor in doctors for visit in plan.visits(doctor, patients[doctor.pk])]
    insert([visit for visit, _ in visits])
    AppointmentEvent.objects.bulk_create(
        [event for visit, _ in visits for event in _history(visit, desk)], batch_size=500
    )
    insert([*_records(random, visits)])


def _add_charts(practice: Practice, random: Random, doctors: list[User]) -> dict[UUID, list[Patient]]:
    people = [(doctors[number % len(doctors)], person(random, number + 1)) for number in range(CHARTS)]
    charts = [Patient(practice=practice, primary_doctor=doctor, **one.fields()) for doctor, one in people]
    insert([*charts])
    return {doctor.pk: [chart for chart in charts if chart.primary_doctor_id == doctor.pk] for doctor in doctors}


class _Plan:
    """Who comes when. `busy` holds the times that a doctor or a patient has a visit."""

    def __init__(self, practice: Practice, random: Random) -> None:
        self.practice, self.random, self.now = practice, random, timezone.now()
        self.days = full_days(practice.today())
        self.kinds = list(AppointmentType.objects.all())
        self.rooms: dict[Any, list[Room]] = defaultdict(list)  # a room for each doctor of an office
        for room in Room.objects.all():
            self.rooms[room.office_id].append(room)
        self.busy: dict[UUID, list[Span]] = defaultdict(list)
        for visit in Appointment.objects.exclude(status=AppointmentStatus.CANCELLED):
            self._take(visit.doctor_id, visit.patient_id, (visit.starts_at, visit.ends_at))

    def visits(self, doctor: User, patients: list[Patient]) -> Iterator[tuple[Appointment, Case]]:
        rooms = self.rooms[doctor.office_id]
        room = rooms.pop(0) if rooms else None
        zone = doctor.office.tzinfo if doctor.office else self.practice.tzinfo
        for day in self.days:
            for opens, closes in WORKING_HOURS:
                for start, kind in self._times(_at(day, opens, zone), _at(day, closes, zone)):
                    span = (start, start + timedelta(minutes=kind.minutes))
                    patient = self.random.choice(patients)
                    if self._is_busy(doctor.pk, span) or self._is_busy(patient.pk, span):
                        continue
                    born = patient.date_of_birth and patient.date_of_birth.year
                    case = self.random.choice(cases_of(doctor.specialization, born))
                    visit = Appointment(
                        practice=self.practice,
                        doctor=doctor,
                        patient=patient,
                        office_id=doctor.office_id,
                        room=None if kind.video else room,
                        type=kind,
                        starts_at=span[0],
                        ends_at=span[1],
                        reason=case.reason,
                        **self._facts(*span),
                    )
                    if visit.status != AppointmentStatus.CANCELLED:
                        self._take(doctor.pk, patient.pk, span)
                    yield visit, case

    def _times(self, opens: datetime, closes: datetime) -> Iterator[tuple[datetime, AppointmentType]]:
        """Yield when visits begin, one after the other with the time that is kept free around each."""
        start = opens
        while start < closes:
            kind = self.random.choices(self.kinds, KIND_WEIGHTS)[0]
            before, after = timedelta(minutes=kind.buffer_before), timedelta(minutes=kind.buffer_after)
            begins = _next_quarter(start + before)
            ends = begins + timedelta(minutes=kind.minutes)
            if ends <= closes and self.random.random() < TAKEN_SHARE:
                yield begins, kind
                start = _next_quarter(ends + after)
            else:
                start += 2 * QUARTER

    def _facts(self, start: datetime, end: datetime) -> dict[str, Any]:
        """Return what has happened to a visit by now."""
        roll = self.random.random()
        if roll < CANCELLED_SHARE:
            at = min(start, self.now) - timedelta(days=2)
            reason = self.random.choice(REASONS)
            cancelled = {"cancelled_at": at, "cancelled_late": False, "cancel_reason": reason}
            return {"status": AppointmentStatus.CANCELLED, **cancelled}
        if start > self.now:
            is_here = start <= self.now + QUARTER
            known = {"arrived_at": self.now - EARLY} if is_here else {}
            confirmed = {"confirmed_at": self.now - timedelta(days=1)} if roll < CONFIRMED_SHARE else {}
            return {**known, **confirmed}
        if roll < CANCELLED_SHARE + NO_SHOW_SHARE:
            return {"no_show_at": min(start + QUARTER, self.now)}
        came = {"arrived_at": start - EARLY, "started_at": start}
        if end > self.now:
            return came
        return {**came, "status": AppointmentStatus.COMPLETED, "finished_at": end}

    def _take(self, doctor_id: UUID, patient_id: UUID, span: Span) -> None:
        self.busy[doctor_id].append(span)
        self.busy[patient_id].append(span)

    def _is_busy(self, who: UUID, span: Span) -> bool:
        return any(start < span[1] and end > span[0] for start, end in self.busy[who])


def _at(day: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, hour, zone).astimezone(UTC)  # no clock changes during working hours


def _next_quarter(moment: datetime) -> datetime:
    return moment + timedelta(minutes=-moment.minute % 15)


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
