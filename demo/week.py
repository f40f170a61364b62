"""This week and the next of the demo practice, as full as a busy clinic's: most times are taken, some visits were
cancelled, some patients didn't come, and of today's some are over, one is with the doctor and the next is here.

The visits have patients of their own, and are around those that are booked already."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.models import User
from appointments.models import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    Room,
)
from demo.calendar import is_working_day
from demo.cases import Case, cases_of
from demo.load import insert
from demo.people import make_random, person
from demo.visits import insert_visits, visit_of
from patients.models import Patient
from practices.models import Practice

CHARTS = 120  # so that nobody comes every day
WORKING_HOURS = ((time(9), time(12)), (time(13), time(17)))
TAKEN_SHARE = 0.95
KIND_WEIGHTS = (2, 10, 1, 1)  # in the order of the practice's types
QUARTER = timedelta(minutes=15)
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
    insert_visits(random, [visit for doctor in doctors for visit in plan.visits(doctor, patients[doctor.pk])], desk)


def _add_charts(practice: Practice, random: Random, doctors: list[User]) -> dict[UUID, list[Patient]]:
    people = [(doctors[number % len(doctors)], person(random, number + 1)) for number in range(CHARTS)]
    charts = [Patient(practice=practice, primary_doctor=doctor, **one.fields()) for doctor, one in people]
    insert([*charts])
    return {doctor.pk: [chart for chart in charts if chart.primary_doctor_id == doctor.pk] for doctor in doctors}


class _Plan:
    """Who comes when. `busy` holds the times that a doctor or a patient has a visit."""

    def __init__(self, practice: Practice, random: Random) -> None:
        self.practice, self.random = practice, random
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
                    what: dict[str, Any] = {"type": kind, "room": None if kind.video else room, "reason": case.reason}
                    visit = visit_of(self.random, doctor, *span, practice=self.practice, patient=patient, **what)
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

    def _take(self, doctor_id: UUID, patient_id: UUID, span: Span) -> None:
        self.busy[doctor_id].append(span)
        self.busy[patient_id].append(span)

    def _is_busy(self, who: UUID, span: Span) -> bool:
        return any(start < span[1] and end > span[0] for start, end in self.busy[who])


def _at(day: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, hour, zone).astimezone(UTC)  # no clock changes during working hours


def _next_quarter(moment: datetime) -> datetime:
    return moment + timedelta(minutes=-moment.minute % 15)
