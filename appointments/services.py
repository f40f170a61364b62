"""Booking, moving, completing, cancelling. The database settles who gets a slot; nothing here checks first."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.timezone import is_naive

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment, Status
from core.deadlocks import deadlock_is_conflict
from core.errors import Conflict, Forbidden, Invalid, Missing
from patients.models import Patient
from patients.models import Status as ChartStatus
from patients.restriction import check_open
from patients.services import held_chart
from practices.services import NO_SUCH_OFFICE, current_practice, office_is_gone, office_of, zone_at

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
NO_DATE = "This is no date of an appointment."
BOOKINGS_BEFORE_CONFIRMATION = 2
NOT_YOUR_TURN = "Somebody else is changing this doctor's calendar. Please try again."


@contextmanager
def _one_at_a_time(doctor_id: UUID) -> Iterator[None]:
    """One transaction in which this doctor's calendar is changed by nobody else; raises Conflict for a taken slot, and
    Missing for an office that was removed meanwhile.

    PostgreSQL's exclusion constraint alone turns a burst of bookings into a storm of deadlocks, so they queue on a
    lock first; SQLite's transactions queue by themselves (IMMEDIATE).
    """
    try:
        with deadlock_is_conflict(NOT_YOUR_TURN), transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(doctor_id)])
            yield
    except IntegrityError as error:
        if office_is_gone(error):
            raise Missing(NO_SUCH_OFFICE) from error
        if "appointment_overlap" not in str(error):
            raise
        raise Conflict("The doctor has another appointment at this time.") from error


def book(
    *,
    by: User,
    patient_id: UUID,
    doctor_id: UUID,
    date: datetime,
    reason: str,
    notes: str = "",
    office_id: UUID | None = None,
) -> Appointment:
    """A scheduled appointment of the practice's usual length, in the doctor's office unless another is named. A `date`
    without an offset is local there. Raises Missing for a patient, doctor or office that `by` cannot see, Invalid for
    an odd time, Conflict for a taken slot."""
    doctor = User.objects.doctor(doctor_id)
    if is_naive(date):
        date = _at_local_time(date, office_id or doctor.office_id)
    date = _checked_time(by, date)
    length = timedelta(minutes=current_practice().appointment_minutes)
    with _one_at_a_time(doctor_id):
        patient = held_chart(by=by, patient_id=patient_id)  # two bookings of a newcomer wait for each other, too
        if patient.status == ChartStatus.PENDING and by.can(Permission.BOOK_OWN):
            _check_newcomers_bookings(patient)
        appointment: Appointment = Appointment.objects.create(
            patient=patient,
            doctor=doctor,
            office_id=office_of(office_id).pk if office_id else doctor.office_id,
            starts_at=date,
            ends_at=date + length,
            reason=reason,
            notes=notes,
        )
    return appointment


def change(*, by: User, appointment_id: UUID, **changes: Any) -> Appointment:
    """Move it (`date`, `office_id`), set its `status`, or write its `notes`; it keeps its length. A `date` without an
    offset is local where it then is; another office alone leaves the moment as it was. Raises Missing, Forbidden for
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
            date = changes["date"]
            if is_naive(date):
                office_id = changes.get("office_id", appointment.office_id)
                date = _at_local_time(date, office_id or appointment.doctor.office_id)
            start = _checked_time(by, date)
            length = appointment.ends_at - appointment.starts_at
            appointment.starts_at, appointment.ends_at = start, start + length
        if "office_id" in changes:
            office_id = changes["office_id"]
            appointment.office = office_of(office_id) if office_id else None
        appointment.status = changes.get("status", appointment.status)
        if "notes" in changes:
            appointment.notes = changes["notes"]
        appointment.save()
    return Appointment.objects.with_people().get(pk=appointment_id)


def _check_newcomers_bookings(patient: Patient) -> None:
    """Anybody can register: until the practice has confirmed who it is, they cannot fill its calendar."""
    booked = Appointment.objects.filter(patient=patient, status=Status.SCHEDULED).count()
    if booked >= BOOKINGS_BEFORE_CONFIRMATION:
        raise Forbidden("Your registration waits for the practice to confirm it; you cannot book more until then.")


def _at_local_time(date: datetime, office_id: UUID | None) -> datetime:
    """The moment that somebody means who leaves the offset out: local at the office, else the practice's. Of an hour
    that the clocks show twice, the first. Raises Missing, and Invalid for a time that they skip."""
    zone = zone_at(office_id)
    try:
        moment = date.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == date:
            return moment
    except OverflowError as error:  # the first and last hours that Python knows
        raise Invalid("date", NO_DATE) from error
    raise Invalid("date", f"The clocks skip this time that day ({zone.key}).")


def _checked_time(by: User, date: datetime) -> datetime:
    """The same instant in UTC."""
    if not EARLIEST <= date < LATEST:
        raise Invalid("date", NO_DATE)
    if not by.can(Permission.CHANGE_APPOINTMENTS) and date < timezone.now():
        raise Invalid("date", "This time has passed.")
    return date.astimezone(UTC)


def _check_patients_change(appointment: Appointment, changes: dict[str, Any]) -> None:
    """A patient may move or cancel what is still to come."""
    if appointment.status != Status.SCHEDULED or appointment.starts_at < timezone.now():
        raise Forbidden("Only an appointment that is still to come can be moved or cancelled.")
    if {"notes", "office_id"} & changes.keys() or changes.get("status", Status.CANCELLED) == Status.COMPLETED:
        raise Forbidden("You may move or cancel your appointment; the practice does the rest.")
