"""What speaks against a time, before anything is saved. Saving decides again: somebody may be faster."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple
from uuid import UUID

from accounts.models import User
from appointments import booking_rules
from appointments.models import Appointment, AppointmentStatus
from appointments.rooms.services import AT_ANOTHER_OFFICE, get_bookable_room
from appointments.schedule import availability
from appointments.services import TAKEN
from core.errors import Conflict, Sentence
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
) -> Preview:
    """Return what booking this would say. Raises NotFound, and Conflict for a type or a room that is not offered any
    more."""
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
    return _preview(appointment, by=by, office_id=office_id or (room.office_id if room else None))


def preview_change(appointment: Appointment, *, by: User) -> Preview:
    """Return what saving this would say; it has its new values already."""
    return _preview(appointment, by=by, office_id=appointment.office_id)


def free_minutes(doctor_id: UUID, start: datetime) -> float:
    """Return how long the doctor has from then on until their next visit."""
    later = Appointment.objects.filter(doctor=doctor_id, status=AppointmentStatus.SCHEDULED, starts_at__gte=start)
    following = later.order_by("starts_at").values_list("starts_at", flat=True).first()
    return (following - start).total_seconds() / 60 if following else inf


def _preview(appointment: Appointment, *, by: User, office_id: UUID | None) -> Preview:
    try:
        warnings = availability.place(appointment, appointment.type, by=by, office_id=office_id)
    except Conflict as refusal:  # the time is held
        return Preview(appointment, conflict=refusal.detail)
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
