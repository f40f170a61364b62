"""Book, move, complete and cancel appointments, and say what happened to them. The database decides who gets a slot;
nothing here checks first."""

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
from appointments.messages import planning as messages
from appointments.models import (
    Appointment,
    AppointmentSeries,
    AppointmentStatus,
    AppointmentType,
    EventKind,
    SlotHold,
)
from appointments.rooms.services import check_room_is_there, get_bookable_room
from appointments.schedule import availability
from appointments.time_rules import at_local_time, check_start, check_status
from appointments.visits import history, machine
from appointments.visits.machine import Action
from core.database.deadlocks import deadlock_as_conflict
from core.database.locks import take_lock
from core.database.together import sent_together
from core.errors import Conflict, Forbidden, NotFound
from core.permissions import Permission
from notifications.messages.settings import prefetch_settings
from patients.deletion.services import lock_chart_with_deleted
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.services import (
    checking_office_exists,
    get_office,
    get_timezone_at,
    is_missing_row_error,
)

MOVE_OR_CANCEL = _("You can only move or cancel your appointment. For anything else, please contact the practice.")
TAKEN = _("The doctor has another appointment at this time.")
CALENDAR_BUSY = _("Someone else is changing this doctor's calendar. Please try again.")


def calendar_names(*ids: UUID | None) -> list[str]:
    """Return the names of the locks of these doctors' and rooms' calendars, in the order in which they are taken."""
    return sorted({str(locked) for locked in ids if locked})


@contextmanager
def calendar_lock(*ids: UUID | None) -> Iterator[None]:
    """Run the block in one transaction that has exclusive use of the calendars of these doctors and rooms.

    Raises Conflict if the slot or the room is taken and NotFound if the office was removed in the meantime. With
    PostgreSQL's exclusion constraints alone, a burst of bookings deadlocks, so they queue on advisory locks first;
    SQLite's transactions queue by themselves (IMMEDIATE).
    """
    try:
        with deadlock_as_conflict(CALENDAR_BUSY), checking_office_exists(), sent_together():
            for name in calendar_names(*ids):
                take_lock(name)
            yield
    except IntegrityError as error:
        if is_missing_row_error(error, "_type_id_"):
            raise NotFound(_("Appointment type not found.")) from error
        if is_missing_row_error(error, "_room_id_"):
            raise NotFound(_("Room not found.")) from error
        if "room_overlap" in str(error):
            raise Conflict(booking_rules.ROOM_TAKEN) from error
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
    room_id: UUID | None = None,
    minutes: int | None = None,
    allow_overlap: bool | None = None,
    allow_past: bool = False,
    hold_id: UUID | None = None,
    series: AppointmentSeries | None = None,
    position: int | None = None,
    said_by: User | None = None,
    via: str = "",
) -> Appointment:
    """Create a scheduled appointment that takes `minutes`, else as long as its type, else the practice's usual length.
    It is where the doctor works at that time, else at the doctor's own office, unless an office or a room is given.

    A `date` without an offset is local to the given office, else the doctor's own. Raises NotFound for a patient,
    doctor, office, room or type that `by` cannot see, Forbidden for a patient who chooses the minutes or the room,
    Invalid for a room at another office, an invalid time and, unless `allow_past`, a day that has passed, Conflict for
    a taken slot or room, for a patient who has booked enough or whom this time is not offered
    (appointments/schedule/availability.py), and what `booking_rules.check_overlap` raises for a patient who is with
    another doctor at this time. `hold_id` is a slot that `by` holds, which ends with the booking; while anybody else
    holds the time it is a Conflict. `said_by` books it, if that is not `by`, whose rules hold; with `via`, the patient
    does, who is not signed in. What speaks against the time is in `warnings` of what it returns.
    """
    doctor = User.objects.doctor(doctor_id)
    room = get_bookable_room(room_id) if room_id else None
    if room:
        office_id = office_id or room.office_id
    date = start_of(date, doctor, office_id, by=by, allow_past=allow_past)
    if room and booking_rules.is_patient(by):
        raise Forbidden(_("Only the practice can choose the room."))
    office = get_office(office_id) if office_id else None  # before others wait
    with calendar_lock(doctor_id, room_id):
        kind = availability.get_bookable_type(by, type_id)
        length = length_of(kind, minutes, doctor=doctor, by=by)
        hold = SlotHold.objects.select_for_update().filter(held_by=by).get_or_refuse(pk=hold_id) if hold_id else None
        patient = lock_chart(by=by, patient_id=patient_id)  # also serialises the patient's bookings
        booking_rules.check_own_bookings(by, patient)
        booking_rules.check_policy(by, date)
        appointment = Appointment(
            practice=doctor.practice,
            patient=patient,
            doctor=doctor,
            office=office,
            type=kind,
            room=room,
            starts_at=date,
            ends_at=date + length,
            reason=reason,
            notes=notes,
            series=series,
            position=position,
        )
        settings, is_elsewhere = prefetch_settings(), booking_rules.prefetch_is_elsewhere(appointment)
        office_id = office.pk if office else None
        appointment.warnings = availability.place(appointment, kind, by=by, office_id=office_id, hold_id=hold_id)
        check_room_is_there(appointment)
        overlap = booking_rules.check_overlap(
            appointment, by=by, allow_overlap=allow_overlap, is_elsewhere=is_elsewhere
        )
        appointment.warnings = [*appointment.warnings, *overlap]
        appointment.save(force_insert=True)
        messages.plan_new(appointment, asked=settings)  # before the entry, which asks for webhooks: all is sent then
        history.record_booked(appointment, by=said_by or by, via=via)
        if hold:
            hold.delete()
    return appointment


def start_of(date: datetime, doctor: User, office_id: UUID | None, *, by: User, allow_past: bool = False) -> datetime:
    """Return the moment in UTC; without an offset it is local to the office, else the doctor's own. Raises NotFound and
    Invalid."""
    if is_naive(date):
        date = at_local_time(date, get_timezone_at(office_id or doctor.office_id))
    check_start(date, by=by, allow_past=allow_past)
    return date.astimezone(UTC)


def length_of(kind: AppointmentType | None, minutes: int | None, *, doctor: User, by: User) -> timedelta:
    """Return how long a visit with this doctor takes. Raises Forbidden for a patient who chooses the minutes."""
    if minutes is not None and booking_rules.is_patient(by):
        raise Forbidden(_("Only the practice can choose how long a visit takes."))
    assert doctor.practice is not None
    return timedelta(minutes=minutes or (kind.minutes if kind else doctor.practice.appointment_minutes))


def change(
    *,
    by: User,
    appointment_id: UUID,
    expected: int | None = None,
    allow_past: bool = False,
    allow_overlap: bool | None = None,
    of_series: bool = False,
    **changes: Any,
) -> Appointment:
    """Move the appointment (`date`, `office_id`, `room_id`, which takes it to the room's office), give it another
    doctor (`doctor_id`), type (`type_id`, with that type's length) or length (`minutes`), set its `status`,
    `cancel_reason`, `reason` or `notes`. Values that it has already change nothing.

    A `date` without an offset is local to the office it moves to; changing the office alone keeps the moment.
    `expected` is the version that the caller has read; `of_series` says that others of its series are changed too, so
    that it is no change of its own. Raises NotFound, Forbidden for what a patient may not change, ChartRestricted for
    reason and notes if `by` has no access to the chart, Invalid for an invalid time, StaleVersion
    (appointments/lost_updates.py), Conflict if the slot is taken or held or the appointment is cancelled, and what
    `booking_rules.check_overlap` raises.
    """
    columns = ("doctor_id", "patient_id", "room_id")
    known = Appointment.objects.visible_to(by).only(*columns).get_or_refuse(pk=appointment_id)
    changes = with_office_of_room(known, changes)
    with calendar_lock(known.doctor_id, changes.get("doctor_id"), known.room_id, changes.get("room_id")):
        appointment = _lock(known)
        wanted = differing(appointment, changes)
        if wanted and not by.can(Permission.CHANGE_APPOINTMENTS):
            _check_patient_change(appointment, wanted, by=by)
        action = machine.OF_STATUS[wanted["status"]] if "status" in wanted else None
        check_not_stale(appointment, by=by, expected=expected, fields={*wanted, *machine.seen_before(action)})
        if wanted:
            _check_change(appointment, wanted, by=by, allow_past=allow_past)
        _carry_out(appointment, wanted, action, by=by, allow_overlap=allow_overlap, of_series=of_series)
    return _with_people(appointment)


def act(*, by: User, appointment_id: UUID, action: Action, expected: int | None = None) -> Appointment:
    """Say what happened to the visit, or undo the last of it. What is so already is not said twice.

    `expected` is the version that the caller has read. Raises NotFound, Forbidden for what a patient may not say,
    StaleVersion, and Conflict if it may not follow what happened before (appointments/visits/machine.py), or if the
    slot or the room that it needs again is taken.
    """
    columns = ("doctor_id", "patient_id", "room_id")
    known = Appointment.objects.visible_to(by).only(*columns).get_or_refuse(pk=appointment_id)
    with calendar_lock(known.doctor_id, known.room_id):
        appointment = _lock(known)
        if not machine.is_done(action, appointment):
            if not by.can(Permission.CHANGE_APPOINTMENTS):
                _check_patient_action(appointment, action, by=by)
            check_not_stale(appointment, by=by, expected=expected, fields=machine.seen_before(action))
            machine.check(action, appointment)
            _carry_out(appointment, {}, action, by=by)
    return _with_people(appointment)


def act_as_patient(*, appointment_id: UUID, action: Action, via: str) -> Appointment:
    """Confirm or cancel an upcoming visit for its patient, who is not signed in: whoever has the link or the phone to
    which we wrote acts, which is `via`. What is so already is not said twice. Raises NotFound, and Conflict if it may
    not follow what happened before, or it is too late to cancel."""
    columns = ("doctor_id", "patient_id", "room_id")
    known = Appointment.objects.only(*columns).get_or_refuse(pk=appointment_id)
    with calendar_lock(known.doctor_id, known.room_id):
        visit = _lock(known)
        if machine.is_done(action, visit):
            return visit
        machine.check(action, visit)
        if visit.starts_at <= timezone.now() or (action == Action.CANCEL and booking_rules.is_late(visit.starts_at)):
            raise Conflict(booking_rules.TOO_LATE)
        entry, said = history.Change(visit), messages.says_of(visit)
        effects = machine.effects(action, visit, by=None)
        for name, value in effects.items():
            setattr(visit, name, value)
        note_writes(visit, by=None, fields=effects)
        visit.save()
        entry.record(by=None, action=action, fields=(), via=via)
        messages.follow(visit, said_before=said)
    return visit


def _carry_out(
    appointment: Appointment,
    wanted: dict[str, Any],
    action: Action | None,
    *,
    by: User,
    allow_overlap: bool | None = None,
    of_series: bool = False,
) -> None:
    """Change the locked appointment and record it. Raises Conflict, NotFound and Invalid as `change` says."""
    slot_before, entry, said = _slot(appointment), history.Change(appointment), messages.says_of(appointment)
    effects = machine.effects(action, appointment, by=by, reason=wanted.get("cancel_reason", "")) if action else {}
    _apply(appointment, wanted | effects, by=by)
    moved = _slot(appointment) != slot_before
    if moved and appointment.status == AppointmentStatus.SCHEDULED:
        office_id = None if booking_rules.is_patient(by) else appointment.office_id
        if booking_rules.is_patient(by):
            appointment.room = None  # which may be taken then; the practice finds another
        appointment.warnings = availability.place(appointment, appointment.type, by=by, office_id=office_id)
    if allow_overlap or moved:
        overlap = booking_rules.check_overlap(appointment, by=by, allow_overlap=allow_overlap)
        appointment.warnings = [*appointment.warnings, *overlap]
    if wanted or action:
        check_room_is_there(appointment)
        note_writes(appointment, by=by, fields={*wanted, *effects}, of_series=of_series)
        appointment.save()
        entry.record(by=by, action=action, fields=wanted)
        messages.follow(appointment, said_before=said)


def _with_people(appointment: Appointment) -> Appointment:
    """Return the changed appointment as it is shown, also if somebody has deleted it since."""
    changed: Appointment = Appointment.with_deleted.with_people().get(pk=appointment.pk)
    changed.warnings = appointment.warnings
    return changed


def with_office_of_room(visit: Appointment, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with the office to which another room takes the visit, unless they say one. Raises NotFound,
    and Conflict for a room that is not in use any more."""
    room_id = changes.get("room_id")
    if not room_id or room_id == visit.room_id or changes.get("office_id"):
        return changes
    return {**changes, "office_id": get_bookable_room(room_id).office_id}


def _lock(known: Appointment) -> Appointment:
    """Return the appointment, locked after its chart, which is the order of everything that changes a chart's rows.
    Raises NotFound for one that was deleted in the meantime, and Conflict if it is with another doctor by now, whose
    calendar is not locked."""
    lock_chart_with_deleted(known.patient_id)
    appointment: Appointment = Appointment.objects.select_for_update().get_or_refuse(pk=known.pk)
    if appointment.patient_id != known.patient_id:  # its registration was merged in the meantime
        lock_chart_with_deleted(appointment.patient_id)
    if appointment.doctor_id != known.doctor_id:
        raise Conflict(CALENDAR_BUSY)
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


def differing(appointment: Appointment, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes that are any, with the `date` as `starts_at` in UTC: clients send back whole objects. Raises
    NotFound and Invalid."""
    changes = dict(changes)
    if "date" in changes:
        date = changes.pop("date")
        if is_naive(date):
            office_id = changes.get("office_id", appointment.office_id)
            date = at_local_time(date, get_timezone_at(office_id or appointment.doctor.office_id))
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
    if "cancel_reason" in wanted:
        machine.check_reason(wanted["cancel_reason"], wanted.get("status", appointment.status), by=by)


def _apply(appointment: Appointment, wanted: dict[str, Any], *, by: User) -> None:
    """Set the values. Raises NotFound for a doctor, an office, a room or a type that the practice does not have,
    Conflict for a type that is not offered or a room that is not in use any more, and Invalid for a time that
    contradicts what happened."""
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
    if wanted.get("room_id"):
        appointment.room = get_bookable_room(wanted["room_id"])
    if wanted.get("office_id"):
        appointment.office = get_office(wanted["office_id"])
    if "starts_at" in wanted:
        machine.after_move(appointment)


def _check_patient_change(appointment: Appointment, changes: dict[str, Any], *, by: User) -> None:
    """Raise Forbidden unless a patient moves or cancels an upcoming appointment, and Conflict if it is too late."""
    if appointment.status != AppointmentStatus.SCHEDULED or appointment.starts_at < timezone.now():
        raise Forbidden(_("Only upcoming appointments can be moved or cancelled."))
    completes = changes.get("status") == AppointmentStatus.COMPLETED
    if completes or changes.keys() - {"starts_at", "status", "cancel_reason"}:
        raise Forbidden(MOVE_OR_CANCEL)
    booking_rules.check_cancellation(by, appointment)


def _check_patient_action(appointment: Appointment, action: Action, *, by: User) -> None:
    """Raise Forbidden unless a patient confirms their appointment, or takes back that they did."""
    if action == Action.CONFIRM:
        return
    is_confirmed = machine.state_of(appointment) == machine.VisitState.CONFIRMED
    if not (action == Action.UNDO and is_confirmed and history.did(by, EventKind.CONFIRMED, appointment)):
        raise Forbidden(_("You can only confirm your appointment, or take back that you did."))
