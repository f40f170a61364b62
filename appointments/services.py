"""Booking, moving, completing, cancelling. The database settles who gets a slot; nothing here checks first."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment, Status
from core.errors import Conflict, Forbidden, Invalid
from patients.models import Patient
from patients.models import Status as ChartStatus
from patients.restriction import check_open
from practices.services import current_practice

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
BOOKINGS_BEFORE_CONFIRMATION = 2
DEADLOCK = "40P01"


@contextmanager
def _one_at_a_time(doctor_id: UUID) -> Iterator[None]:
    """One transaction in which this doctor's calendar is changed by nobody else; raises Conflict for a taken slot.

    PostgreSQL's exclusion constraint alone turns a burst of bookings into a storm of deadlocks, so they queue on a
    lock first; SQLite's transactions queue by themselves (IMMEDIATE).
    """
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(doctor_id)])
            yield
    except IntegrityError as error:
        if "appointment_overlap" not in str(error):
            raise
        raise Conflict("The doctor has another appointment at this time.") from error
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != DEADLOCK:
            raise
        raise Conflict("Somebody else is changing this doctor's calendar. Please try again.") from error


def book(*, by: User, patient_id: UUID, doctor_id: UUID, date: datetime, reason: str, notes: str = "") -> Appointment:
    """A scheduled appointment of the practice's usual length. Raises Missing for a patient or doctor that `by` cannot
    see, Invalid for an odd time, Conflict for a taken slot."""
    patient = Patient.objects.visible_to(by).found(pk=patient_id)
    doctor = User.objects.doctor(doctor_id)
    date = _checked_time(by, date)
    length = timedelta(minutes=current_practice().appointment_minutes)
    with _one_at_a_time(doctor_id):
        if patient.status == ChartStatus.PENDING and by.can(Permission.BOOK_OWN):
            _check_newcomers_bookings(patient)
        appointment: Appointment = Appointment.objects.create(
            patient=patient, doctor=doctor, starts_at=date, ends_at=date + length, reason=reason, notes=notes
        )
    return appointment


def change(*, by: User, appointment_id: UUID, **changes: Any) -> Appointment:
    """Move it (`date`), set its `status`, or write its `notes`; it keeps its length. Raises Missing, Forbidden for
    what a patient may not do and for the notes of a chart that is closed to `by`, Invalid for an odd time, Conflict
    when the slot it needs is taken."""
    doctor_id = Appointment.objects.visible_to(by).only("doctor_id").found(pk=appointment_id).doctor_id
    with _one_at_a_time(doctor_id):
        appointment: Appointment = Appointment.objects.select_for_update().get(pk=appointment_id)
        if not by.can(Permission.CHANGE_APPOINTMENTS):
            _check_patients_change(appointment, changes)
        if "notes" in changes:
            check_open(by, appointment.patient)  # whoever cannot read them would write over them
        if "date" in changes:
            start = _checked_time(by, changes["date"])
            length = appointment.ends_at - appointment.starts_at
            appointment.starts_at, appointment.ends_at = start, start + length
        appointment.status = changes.get("status", appointment.status)
        if "notes" in changes:
            appointment.notes = changes["notes"]
        appointment.save()
    return Appointment.objects.with_people().get(pk=appointment_id)


def _check_newcomers_bookings(patient: Patient) -> None:
    """Anybody can register: until the practice has confirmed who it is, they cannot fill its calendar."""
    Patient.objects.select_for_update().get(pk=patient.pk)  # two of their bookings at once wait for each other
    booked = Appointment.objects.filter(patient=patient, status=Status.SCHEDULED).count()
    if booked >= BOOKINGS_BEFORE_CONFIRMATION:
        raise Forbidden("Your registration waits for the practice to confirm it; you cannot book more until then.")


def _checked_time(by: User, date: datetime) -> datetime:
    """The same instant in UTC."""
    if not EARLIEST <= date < LATEST:
        raise Invalid("date", "This is no date of an appointment.")
    if not by.can(Permission.CHANGE_APPOINTMENTS) and date < timezone.now():
        raise Invalid("date", "This time has passed.")
    return date.astimezone(UTC)


def _check_patients_change(appointment: Appointment, changes: dict[str, Any]) -> None:
    """A patient may move or cancel what is still to come."""
    if appointment.status != Status.SCHEDULED or appointment.starts_at < timezone.now():
        raise Forbidden("Only an appointment that is still to come can be moved or cancelled.")
    if "notes" in changes or changes.get("status", Status.CANCELLED) == Status.COMPLETED:
        raise Forbidden("You may move or cancel your appointment; the practice does the rest.")
