"""What speaks against a time, before anything is saved. Saving decides again: somebody may be faster."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext

from accounts.models import User
from appointments import booking_rules
from appointments.calendar import slot_holds
from appointments.models import Appointment, AppointmentStatus
from appointments.rooms.services import AT_ANOTHER_OFFICE, get_bookable_room
from appointments.schedule import availability
from appointments.services import TAKEN
from appointments.time_rules import LATEST
from core.errors import Conflict, NotFound, Sentence
from practices.services import current_practice, get_office


class Preview(NamedTuple):
    appointment: Appointment
    warnings: Sequence[Sentence] = ()
    # the doctor is with somebody else, the room is taken or the time is held, which nobody can override
    conflict: Sentence = ""
    overlap: Sentence = ""  # the patient is, which the practice's people may want


def preview_booking(
    *,
    by: User,
    doctor_id: UUID,
    start: datetime,
    type_id: UUID | None,
    patient_id: UUID | None,
    office_id: UUID | None,
    room_id: UUID | None,
    hold_id: UUID | None = None,
) -> Preview:
    """Return what booking this, through a hold, would say. Raises NotFound, and Conflict for a type or a room
    that is not offered any more."""
    doctor = User.objects.doctor(doctor_id)
    office_id = get_office(office_id).pk if office_id else None
    kind = availability.get_bookable_type(by, type_id)
    room = get_bookable_room(room_id) if room_id else None
    practice = current_practice()
    minutes = kind.minutes if kind else practice.appointment_minutes
    start = start.astimezone(UTC)
    appointment = Appointment(
        practice=practice,
        doctor=doctor,
        type=kind,
        room=room,
        patient_id=patient_id,  # type: ignore[misc] # not chosen yet, and never saved
        starts_at=start,
        ends_at=start + timedelta(minutes=minutes),
    )
    return _preview(appointment, by=by, office_id=office_id or (room.office_id if room else None), hold_id=hold_id)


def preview_change(appointment: Appointment, *, by: User) -> Preview:
    """Return what saving this would say; it has its new values already."""
    return _preview(appointment, by=by, office_id=appointment.office_id)


def free_minutes(by: User, doctor_id: UUID, start: datetime, *, but_offers: bool = False) -> float:
    """Return how long the doctor has from then on until their next visit or, but for what is on offer, until what is
    kept for somebody else."""
    visits = Appointment.objects.filter(doctor=doctor_id, status=AppointmentStatus.SCHEDULED)
    held = slot_holds.find_holds(by, start, LATEST).filter(doctor=doctor_id)
    held = held.filter(is_offered=False) if but_offers else held
    following = [
        rows.filter(ends_at__gt=start).order_by("starts_at").values_list("starts_at", flat=True).first()
        for rows in (visits, held)
    ]
    return min(((moment - start).total_seconds() / 60 for moment in following if moment), default=inf)


def doctor_at(start: datetime, office_id: UUID | None) -> User:
    """Return a doctor who works at this office then and is free, else one who is free, else anybody. Raises
    NotFound."""
    calendars = availability.load_calendars(User.objects.doctors().order_by("id"), start, start + timedelta(minutes=1))
    moment = start.timestamp()

    def speaks_against(calendar: availability.Calendar) -> tuple[bool, bool]:
        windows = calendar.windows(start, start)
        is_there = any(one.start <= moment < one.end and one.office_id in (None, office_id) for one in windows)
        return any(begins <= moment < ends for begins, ends in calendar.busy), not is_there

    if not calendars:
        raise NotFound(gettext("Doctor not found."))
    return min(calendars, key=speaks_against).doctor


def _preview(appointment: Appointment, *, by: User, office_id: UUID | None, hold_id: UUID | None = None) -> Preview:
    try:
        warnings = availability.place(appointment, appointment.type, by=by, office_id=office_id, hold_id=hold_id)
    except Conflict as refusal:  # the time is held
        held = slot_holds.describe_hold_on(by, appointment.doctor_id, appointment.starts_at, appointment.ends_at)
        return Preview(appointment, conflict=held or refusal.detail)
    taken = Appointment.objects.filter(doctor=appointment.doctor_id, status=AppointmentStatus.SCHEDULED)
    taken = taken.filter(starts_at__lt=appointment.ends_at, ends_at__gt=appointment.starts_at)
    conflict = TAKEN if taken.exclude(pk=appointment.pk).exists() else _against_room(appointment)
    overlap: Sentence = ""
    if appointment.patient_id:
        try:
            booking_rules.check_patient_is_free(appointment)
        except Conflict as refusal:
            overlap = refusal.detail
    if conflict:
        warnings = [warning for warning in warnings if warning is not availability.TOO_CLOSE]
    return Preview(appointment, warnings, conflict, overlap)


def _against_room(appointment: Appointment) -> Sentence:
    if appointment.room and appointment.room.office_id != appointment.office_id:
        return AT_ANOTHER_OFFICE
    return booking_rules.ROOM_TAKEN if booking_rules.is_room_taken(appointment) else ""
