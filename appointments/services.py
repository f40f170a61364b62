"""Book, move, complete and cancel appointments. The database decides who gets a slot; nothing here checks first."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import booking_rules
from appointments.lost_updates import check_not_stale, note_writes
from appointments.models import Appointment, AppointmentSeries, AppointmentStatus, AppointmentType, SlotHold
from appointments.schedule import availability
from appointments.time_rules import INVALID_DATE, check_start, check_status
from core.database.deadlocks import deadlock_as_conflict
from core.database.locks import take_lock
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.formats import zone_label
from core.permissions import Permission
from patients.deletion.services import lock_chart_with_deleted
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.services import (
    checking_office_exists,
    current_practice,
    get_office,
    get_timezone_at,
    is_missing_row_error,
)

MOVE_OR_CANCEL = _("You can only move or cancel your appointment. For anything else, please contact the practice.")
TAKEN = _("The doctor has another appointment at this time.")
CALENDAR_BUSY = _("Someone else is changing this doctor's calendar. Please try again.")


@contextmanager
def calendar_lock(*doctor_ids: UUID) -> Iterator[None]:
    """Run the block in one transaction that has exclusive use of these doctors' calendars.

    Raises Conflict if the slot is taken and NotFound if the office was removed in the meantime. With PostgreSQL's
    exclusion constraint alone, a burst of bookings deadlocks, so they queue on an advisory lock first; SQLite's
    transactions queue by themselves (IMMEDIATE).
    """
    try:
        with deadlock_as_conflict(CALENDAR_BUSY), checking_office_exists():
            for doctor_id in sorted({str(doctor_id) for doctor_id in doctor_ids}):
                take_lock(doctor_id)
            yield
    except IntegrityError as error:
        if is_missing_row_error(error, "_type_id_"):
            raise NotFound(_("Appointment type not found.")) from error
        if "appointment_overlap" not in str(error):
            raise
        raise Conflict(TAKEN) from error


def book(
    *,
    by: User,
    patient_id: UUID,
    doctor_id: UUID,
    date: datetime,
    reason: str,
    notes: str = "",
    office_id: UUID | None = None,
    type_id: UUID | None = None,
    minutes: int | None = None,
    allow_overlap: bool = False,
    allow_past: bool = False,
    hold_id: UUID | None = None,
    series: AppointmentSeries | None = None,
    position: int | None = None,
) -> Appointment:
    """Create a scheduled appointment that takes `minutes`, else as long as its type, else the practice's usual length.
    It is where the doctor works at that time, else at the doctor's own office, unless an office is given.

    A `date` without an offset is local to the given office, else the doctor's own. Raises NotFound for a patient,
    doctor, office or type that `by` cannot see, Forbidden for a patient who chooses the minutes, Invalid for an invalid
    time and, unless `allow_past`, for a day that has passed, Conflict for a taken slot, for a patient who has booked
    enough or whom this time is not offered (appointments/schedule/availability.py), and, unless `allow_overlap`, for a
    patient who is with another doctor at this time. `hold_id` is a slot that `by` holds, which ends with the booking;
    while anybody else holds the time it is a Conflict. What speaks against it is in `warnings` of what it returns.
    """
    doctor = User.objects.doctor(doctor_id)
    date = start_of(date, doctor, office_id, by=by, allow_past=allow_past)
    with calendar_lock(doctor_id):
        kind = availability.get_bookable_type(by, type_id)
        length = length_of(kind, minutes, by=by)
        hold = SlotHold.objects.select_for_update().filter(held_by=by).get_or_refuse(pk=hold_id) if hold_id else None
        patient = lock_chart(by=by, patient_id=patient_id)  # also serialises the patient's bookings
        booking_rules.check_own_bookings(by, patient)
        booking_rules.check_policy(by, date)
        appointment = Appointment(
            patient=patient,
            doctor=doctor,
            type=kind,
            starts_at=date,
            ends_at=date + length,
            reason=reason,
            notes=notes,
            series=series,
            position=position,
        )
        office_id = get_office(office_id).pk if office_id else None
        appointment.warnings = availability.place(appointment, kind, by=by, office_id=office_id, hold_id=hold_id)
        booking_rules.check_overlap(appointment, by=by, allow_overlap=allow_overlap)
        appointment.save(force_insert=True)
        if hold:
            hold.delete()
    return appointment


def start_of(date: datetime, doctor: User, office_id: UUID | None, *, by: User, allow_past: bool = False) -> datetime:
    """Return the moment in UTC; without an offset it is local to the office, else the doctor's own. Raises NotFound and
    Invalid."""
    if is_naive(date):
        date = _at_local_time(date, office_id or doctor.office_id)
    check_start(date, by=by, allow_past=allow_past)
    return date.astimezone(UTC)


def length_of(kind: AppointmentType | None, minutes: int | None, *, by: User) -> timedelta:
    """Return how long a visit takes. Raises Forbidden for a patient who chooses the minutes."""
    if minutes is not None and booking_rules.is_patient(by):
        raise Forbidden(_("Only the practice can choose how long a visit takes."))
    return timedelta(minutes=minutes or (kind.minutes if kind else current_practice().appointment_minutes))


def change(
    *,
    by: User,
    appointment_id: UUID,
    expected: int | None = None,
    allow_past: bool = False,
    allow_overlap: bool = False,
    of_series: bool = False,
    **changes: Any,
) -> Appointment:
    """Move the appointment (`date`, `office_id`), give it another doctor (`doctor_id`), type (`type_id`, with that
    type's length) or length (`minutes`), set its `status`, `reason` or `notes`. Values that it has already change
    nothing.

    A `date` without an offset is local to the office it moves to; changing the office alone keeps the moment.
    `expected` is the version that the caller has read; `of_series` says that others of its series are changed too, so
    that it is no change of its own. Raises NotFound, Forbidden for what a patient may not change,
    ChartRestricted for reason and notes if `by` has no access to the chart, Invalid for an invalid time, StaleVersion
    (appointments/lost_updates.py), Conflict if the slot is taken, the appointment is cancelled or, unless
    `allow_overlap`, the patient is with another doctor at this time.
    """
    known = Appointment.objects.visible_to(by).only("doctor_id", "patient_id").get_or_refuse(pk=appointment_id)
    with calendar_lock(known.doctor_id, changes.get("doctor_id", known.doctor_id)):
        appointment = _lock(appointment_id, known.patient_id)
        if appointment.doctor_id != known.doctor_id:  # whose calendar is not locked
            raise Conflict(CALENDAR_BUSY)
        slot_before = _slot(appointment)
        wanted = _differing(appointment, changes)
        if wanted and not by.can(Permission.CHANGE_APPOINTMENTS):
            _check_patient_change(appointment, wanted, by=by)
        check_not_stale(appointment, by=by, expected=expected, fields=wanted)
        if wanted:
            _check_change(appointment, wanted, by=by, allow_past=allow_past)
            _apply(appointment, wanted, by=by)
            note_writes(appointment, by=by, fields=wanted, of_series=of_series)
        moved = _slot(appointment) != slot_before
        if moved and appointment.status == AppointmentStatus.SCHEDULED:
            office_id = None if booking_rules.is_patient(by) else appointment.office_id
            appointment.warnings = availability.place(appointment, appointment.type, by=by, office_id=office_id)
        if allow_overlap or moved:
            booking_rules.check_overlap(appointment, by=by, allow_overlap=allow_overlap)
        if wanted:
            appointment.save()
    changed: Appointment = Appointment.objects.with_people().get(pk=appointment_id)
    changed.warnings = appointment.warnings
    return changed


def _lock(appointment_id: UUID, patient_id: UUID) -> Appointment:
    """Return the appointment, locked after its chart, which is the order of everything that changes a chart's rows."""
    lock_chart_with_deleted(patient_id)
    appointment: Appointment = Appointment.objects.select_for_update().get(pk=appointment_id)
    if appointment.patient_id != patient_id:  # its registration was merged in the meantime
        lock_chart_with_deleted(appointment.patient_id)
    return appointment


def _slot(appointment: Appointment) -> tuple[Any, ...]:
    """Return what decides whether the appointment can take place then."""
    return (
        appointment.doctor_id,
        appointment.starts_at,
        appointment.ends_at,
        appointment.status,
        appointment.type_id,
        appointment.office_id,
    )


def _differing(appointment: Appointment, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes that are any, with the `date` as `starts_at` in UTC: clients send back whole objects. Raises
    NotFound and Invalid."""
    changes = dict(changes)
    if "date" in changes:
        date = changes.pop("date")
        if is_naive(date):
            office_id = changes.get("office_id", appointment.office_id)
            date = _at_local_time(date, office_id or appointment.doctor.office_id)
        changes["starts_at"] = date
    return {name: value for name, value in changes.items() if value != getattr(appointment, name)}


def _check_change(appointment: Appointment, wanted: dict[str, Any], *, by: User, allow_past: bool) -> None:
    """Raise what `change` says, before anything is changed."""
    if {"reason", "notes"} & wanted.keys():
        check_access(by, appointment.patient)  # someone who cannot read a text must not overwrite it
    if "starts_at" in wanted:
        check_start(wanted["starts_at"], by=by, allow_past=allow_past)
        booking_rules.check_policy(by, wanted["starts_at"])
    check_status(appointment, wanted)


def _apply(appointment: Appointment, wanted: dict[str, Any], *, by: User) -> None:
    """Set the values. Raises NotFound for a doctor, an office or a type that the practice does not have, and Conflict
    for a type that is not offered any more."""
    minutes = wanted.get("minutes", appointment.minutes)
    for name, value in wanted.items():
        if name != "minutes":
            setattr(appointment, name, value)
    if "type_id" in wanted:
        appointment.type = availability.get_bookable_type(by, wanted["type_id"])
        minutes = wanted.get("minutes", appointment.type.minutes if appointment.type else minutes)
    appointment.ends_at = appointment.starts_at + timedelta(minutes=minutes)
    if "doctor_id" in wanted:
        appointment.doctor = User.objects.doctor(wanted["doctor_id"])
    if wanted.get("office_id"):
        appointment.office = get_office(wanted["office_id"])


def _at_local_time(date: datetime, office_id: UUID | None) -> datetime:
    """Return the UTC moment of a naive `date` in the time zone of the office, else the practice.

    In an hour that occurs twice, the first is meant. Raises NotFound, and Invalid for a time that does not exist
    because clocks go forward."""
    zone = get_timezone_at(office_id)
    try:
        moment = date.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == date:
            return moment
    except OverflowError as error:  # at the edges of what datetime can represent
        raise Invalid("date", INVALID_DATE) from error
    skipped = _("This time doesn't exist that day: clocks go forward (%(zone)s).") % {"zone": zone_label(zone)}
    raise Invalid("date", skipped)


def _check_patient_change(appointment: Appointment, changes: dict[str, Any], *, by: User) -> None:
    """Raise Forbidden unless a patient moves or cancels an upcoming appointment, and Conflict if it is too late."""
    if appointment.status != AppointmentStatus.SCHEDULED or appointment.starts_at < timezone.now():
        raise Forbidden(_("Only upcoming appointments can be moved or cancelled."))
    if changes.keys() - {"starts_at", "status"} or changes.get("status") == AppointmentStatus.COMPLETED:
        raise Forbidden(MOVE_OR_CANCEL)
    booking_rules.check_cancellation(by, appointment)
