"""Any number of made-up charts, appointments and records, in batches that each are a transaction of their own: an
interrupted run leaves whole batches. Each function yields the size of every batch once it is in."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice, repeat
from math import ceil
from random import Random
from uuid import UUID

from django.db.models import Exists, Min, OuterRef
from django.utils import timezone
from tqdm import tqdm

from accounts.models import User
from accounts.roles import Role
from appointments.models import Appointment, Status
from core.tenancy import PracticeModel
from dashboard.demo.calendar import slots, working_days_before
from dashboard.demo.cases import SPECIALTIES, cases_of
from dashboard.demo.load import insert
from dashboard.demo.people import dice, person, phone
from patients.models import Patient
from practices.models import Practice
from records.models import MedicalRecord

BATCH = 5_000
PATIENTS_KNOWN = 1_000_000  # bounds the memory that their keys take
DAYS_OF_A_DOCTOR = 1_000  # some four years; more appointments than that bring more doctors
BOOKED_SHARE, CANCELLED_SHARE = 0.85, 0.12


class NothingToStandOn(Exception):
    """Appointments and records need patients."""


def add_patients(practice: Practice, amount: int, *, seed: int) -> Iterator[int]:
    random = dice(f"{seed} patients")
    rows = (Patient(practice=practice, **person(random, number).fields()) for number in range(1, amount + 1))
    return _insert(rows, amount, "patients")


def add_appointments(practice: Practice, amount: int, *, seed: int) -> Iterator[int]:
    """Past ones that never overlap: each doctor's lie on the working days before their first appointment."""
    random = dice(f"{seed} appointments")
    patients = _patients()
    rows = islice(_past(practice, random, _doctors(practice, amount, random), patients), amount)
    return _insert(rows, amount, "appointments")


def add_records(practice: Practice, amount: int, *, seed: int) -> Iterator[int]:
    """Of completed appointments without one; when those are used up, of people who walked in."""
    random = dice(f"{seed} records")
    patients = _patients()
    doctors = _doctors(practice, 0, random)
    return _insert(islice(_written(practice, random, doctors, patients), amount), amount, "records")


def _insert(rows: Iterator[PracticeModel], amount: int, kind: str) -> Iterator[int]:
    with tqdm(total=amount, unit=" rows", desc=kind, disable=None) as bar:
        while batch := list(islice(rows, BATCH)):
            insert(batch)
            bar.update(len(batch))
            yield len(batch)


def _patients() -> list[UUID]:
    patients = list(Patient.objects.confirmed().newest_first().values_list("pk", flat=True)[:PATIENTS_KNOWN])
    if not patients:
        raise NothingToStandOn("The practice has no patients yet: add some with --patients first.")
    return patients


def _doctors(practice: Practice, appointments: int, random: Random) -> list[User]:
    """The practice's doctors, joined by as many more (who cannot sign in) as it takes to see that many patients."""
    doctors = list(User.objects.doctors().select_related("office__practice").order_by("pk"))
    a_day = sum(1 for _ in slots(practice, practice.today()))
    needed = max(1, ceil(appointments / (a_day * BOOKED_SHARE * DAYS_OF_A_DOCTOR)))
    taken = User.objects.filter(role=Role.DOCTOR).count()
    for number in range(taken + 1, taken + 1 + needed - len(doctors)):
        made = person(random)
        doctor = User(
            email=f"doctor.{number}.{str(practice.pk)[-6:]}@example.org",
            name=f"Dr. {made.name}",
            phone=phone(random, 212),
            role=Role.DOCTOR,
            specialization=SPECIALTIES[number % len(SPECIALTIES)],
        )
        doctor.set_unusable_password()
        doctor.save()
        doctors.append(doctor)
    return doctors


def _past(practice: Practice, random: Random, doctors: list[User], patients: list[UUID]) -> Iterator[Appointment]:
    first = dict(Appointment.objects.filter(doctor__in=doctors).values_list("doctor").annotate(Min("starts_at")))
    now = timezone.now()
    starts = [min(first.get(doctor.pk, now), now).astimezone(practice.tzinfo).date() for doctor in doctors]
    for days in zip(*map(working_days_before, starts), strict=True):
        for doctor, day in zip(doctors, days, strict=True):
            for start, end in slots(practice, day, doctor.office.tzinfo if doctor.office else None):
                if random.random() < BOOKED_SHARE:
                    yield Appointment(
                        practice=practice,
                        doctor=doctor,
                        office_id=doctor.office_id,
                        patient_id=random.choice(patients),
                        starts_at=start,
                        ends_at=end,
                        status=Status.CANCELLED if random.random() < CANCELLED_SHARE else Status.COMPLETED,
                        reason=random.choice(cases_of(doctor.specialization)).reason,
                    )


def _written(practice: Practice, random: Random, doctors: list[User], patients: list[UUID]) -> Iterator[MedicalRecord]:
    specialty_of = dict(User.objects.filter(role=Role.DOCTOR).values_list("pk", "specialization"))
    for appointment_id, patient_id, doctor_id, ended in chain(_unreported(), repeat((None, None, None, None))):
        doctor_id = doctor_id or random.choice(doctors).pk
        yield MedicalRecord(
            practice=practice,
            appointment_id=appointment_id,
            patient_id=patient_id or random.choice(patients),
            doctor_id=doctor_id,
            date=ended or timezone.now() - timedelta(minutes=random.randrange(4 * 365 * 24 * 60)),
            **random.choice(cases_of(specialty_of.get(doctor_id, ""))).record(),
        )


def _unreported() -> Iterator[tuple[UUID, UUID, UUID, datetime]]:
    """Completed appointments without a record, the newest row first: the demo's own reports stay pending longest."""
    recorded = MedicalRecord.objects.filter(appointment=OuterRef("pk"))
    pending = Appointment.objects.filter(~Exists(recorded), status=Status.COMPLETED).order_by("-id")
    page = pending
    while rows := list(page.values_list("pk", "patient_id", "doctor_id", "ends_at")[:BATCH]):
        yield from rows
        page = pending.filter(pk__lt=rows[-1][0])
