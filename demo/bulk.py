"""Adds any number of made-up charts, appointments and records. Each batch is one transaction, so an interrupted run
leaves whole batches. Each function yields the size of every batch once it is stored."""

import gc
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain, islice, repeat
from math import ceil
from random import Random
from typing import Any
from uuid import UUID

from django.db.models import Min
from django.utils import timezone
from tqdm import tqdm

from accounts.models import User
from accounts.roles import Role
from appointments.models import Appointment, AppointmentStatus
from core.tenancy.models import PracticeModel
from demo.calendar import slots, working_days_before
from demo.cases import SPECIALTIES, cases_of
from demo.load import analyze, insert
from demo.people import make_random, person, phone
from patients.models import Patient
from practices.models import Practice
from records.models import MedicalRecord

BATCH = 5_000
MAX_PATIENTS = 1_000_000  # bounds the memory for their keys
DAYS_PER_DOCTOR = 1_000  # about four years; more appointments than fit in them add more doctors
BOOKED_SHARE, CANCELLED_SHARE = 0.85, 0.12


class NoPatientsError(Exception):
    """The practice has no patients to add appointments or records for."""


def add_patients(practice: Practice, amount: int, *, seed: int) -> Iterator[int]:
    random = make_random(f"{seed} patients")
    chart = _maker(Patient)
    rows = (chart(practice_id=practice.pk, **person(random, number).fields()) for number in range(1, amount + 1))
    return _insert(rows, amount, Patient)


def add_appointments(practice: Practice, amount: int, *, seed: int) -> Iterator[int]:
    """Add past appointments that never overlap, on the working days before each doctor's first appointment."""
    random = make_random(f"{seed} appointments")
    patients = _patients()
    rows = islice(_past_appointments(practice, random, _doctors(practice, amount, random), patients), amount)
    return _insert(rows, amount, Appointment)


def add_records(practice: Practice, amount: int, *, seed: int) -> Iterator[int]:
    """Add records of completed appointments that have none; once those are used up, of walk-in visits."""
    random = make_random(f"{seed} records")
    patients = _patients()
    doctors = _doctors(practice, 0, random)
    return _insert(islice(_records(practice, random, doctors, patients), amount), amount, MedicalRecord)


def _insert(rows: Iterator[PracticeModel], amount: int, model: type[PracticeModel]) -> Iterator[int]:
    gc.freeze()  # or the collector goes through all of Django again for every few hundred rows: 40 µs a chart of 60
    with tqdm(total=amount, unit=" rows", desc=str(model._meta.verbose_name_plural), disable=None) as bar:
        while batch := list(islice(rows, BATCH)):
            insert(batch)
            bar.update(len(batch))
            yield len(batch)
    analyze(model)


def _maker(model: type[PracticeModel]) -> Callable[..., Any]:
    """Return what makes a new row of the model, with the values of all columns in order: giving some of them by name
    takes Django almost three times as long."""
    fields = model._meta.concrete_fields
    fixed = {field.attname: field.get_default() for field in fields}
    fresh = {field.attname: field.default for field in fields if field.has_default() and callable(field.default)}

    construct: Callable[..., PracticeModel] = model

    def make(**values: Any) -> PracticeModel:
        return construct(*(fixed | {name: default() for name, default in fresh.items()} | values).values())

    return make


def _patients() -> dict[UUID, int | None]:
    """Return the patients' keys, newest first, and their years of birth."""
    rows = Patient.objects.confirmed().newest_first().values_list("pk", "date_of_birth")[:MAX_PATIENTS]
    patients = {pk: born and born.year for pk, born in rows}
    if not patients:
        raise NoPatientsError("The practice has no patients yet: add some with --patients first.")
    return patients


def _doctors(practice: Practice, appointments: int, random: Random) -> list[User]:
    """Return the practice's doctors, plus new ones (who cannot sign in) if that many appointments need more."""
    doctors = list(User.objects.doctors().select_related("office__practice").order_by("pk"))
    slots_per_day = sum(1 for _ in slots(practice, practice.today()))
    needed = max(1, ceil(appointments / (slots_per_day * BOOKED_SHARE * DAYS_PER_DOCTOR)))
    existing = User.objects.filter(role=Role.DOCTOR).count()
    for number in range(existing + 1, existing + 1 + needed - len(doctors)):
        new = person(random)
        doctor = User(
            email=f"doctor.{number}.{str(practice.pk)[-6:]}@example.org",
            name=f"Dr. {new.name}",
            phone=phone(random, 212),
            role=Role.DOCTOR,
            specialization=SPECIALTIES[number % len(SPECIALTIES)],
        )
        doctor.set_unusable_password()
        doctor.save()
        doctors.append(doctor)
    return doctors


def _past_appointments(
    practice: Practice, random: Random, doctors: list[User], patients: dict[UUID, int | None]
) -> Iterator[Appointment]:
    keys = list(patients)
    first = dict(Appointment.objects.filter(doctor__in=doctors).values_list("doctor").annotate(Min("starts_at")))
    now, visit = timezone.now(), _maker(Appointment)
    starts = [min(first.get(doctor.pk, now), now).astimezone(practice.tzinfo).date() for doctor in doctors]
    for days in zip(*map(working_days_before, starts), strict=True):
        for doctor, day in zip(doctors, days, strict=True):
            for start, end in slots(practice, day, doctor.office.tzinfo if doctor.office else None):
                if random.random() < BOOKED_SHARE:
                    patient = random.choice(keys)
                    yield visit(
                        practice_id=practice.pk,
                        doctor_id=doctor.pk,
                        office_id=doctor.office_id,
                        patient_id=patient,
                        starts_at=start,
                        ends_at=end,
                        status=AppointmentStatus.CANCELLED
                        if random.random() < CANCELLED_SHARE
                        else AppointmentStatus.COMPLETED,
                        reason=random.choice(cases_of(doctor.specialization, patients[patient])).reason,
                    )


def _records(
    practice: Practice, random: Random, doctors: list[User], patients: dict[UUID, int | None]
) -> Iterator[MedicalRecord]:
    keys, record = list(patients), _maker(MedicalRecord)
    specialty_of = dict(User.objects.filter(role=Role.DOCTOR).values_list("pk", "specialization"))
    for appointment_id, patient_id, doctor_id, ended in chain(_without_record(), repeat((None, None, None, None))):
        doctor_id, patient_id = doctor_id or random.choice(doctors).pk, patient_id or random.choice(keys)
        cases = cases_of(specialty_of.get(doctor_id, ""), patients.get(patient_id))
        yield record(
            practice_id=practice.pk,
            appointment_id=appointment_id,
            patient_id=patient_id,
            doctor_id=doctor_id,
            date=ended or timezone.now() - timedelta(minutes=random.randrange(4 * 365 * 24 * 60)),
            **random.choice(cases).record(),
        )


def _without_record() -> Iterator[tuple[UUID, UUID, UUID, datetime]]:
    """Yield completed appointments without a record, newest row first, so the demo's own stay pending longest.

    PostgreSQL is not asked which have none: on tables that were just filled it knows nothing of their size, and looks
    through all records for each appointment.
    """
    recorded = set(MedicalRecord.objects.exclude(appointment=None).order_by().values_list("appointment", flat=True))
    completed = Appointment.objects.filter(status=AppointmentStatus.COMPLETED).order_by("-id")
    page = completed
    while rows := list(page.values_list("pk", "patient_id", "doctor_id", "ends_at")[:BATCH]):
        yield from (row for row in rows if row[0] not in recorded)
        page = completed.filter(pk__lt=rows[-1][0])
