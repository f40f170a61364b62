"""Rooms: the office manager's list of them, and which one a visit may have."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, Room
from audit import context
from core.database.constraints import violation_as_conflict
from core.errors import Conflict, Invalid
from practices.services import checking_office_exists, get_office

NAME_TAKEN = _("There is already a room with this name at this office. Choose another name.")
IN_USE = _("This room can't be removed while appointments use it. You can stop using it instead.")
NOT_IN_USE = _("This room isn't in use any more. Choose another one.")
AT_ANOTHER_OFFICE = _("This room is at another office. Choose one at the office of the visit.")


@contextmanager
def _saving(by: User) -> Iterator[None]:
    """Run the block in one transaction; raise Conflict if the name is taken, and NotFound for an office that was
    removed meanwhile."""
    with (
        violation_as_conflict("room_name", NAME_TAKEN),
        transaction.atomic(),
        checking_office_exists(),
        context.done_by(by),
    ):
        yield


def create_room(*, by: User, office_id: UUID, **fields: Any) -> Room:
    """Create a room. Raises NotFound for an unknown office, and Conflict for a name that another room there has."""
    with _saving(by):
        room: Room = Room.objects.create(office=get_office(office_id), **fields)
    return room


def change_room(*, room_id: UUID, by: User, expected: int | None = None, **changes: Any) -> Room:
    """Change the given fields; its office stays, since visits are booked there. `expected` is the version that the
    caller has read. Raises NotFound, StaleVersion, and Conflict for a name that another room there has."""
    with _saving(by):
        room: Room = Room.objects.select_for_update().get_or_refuse(pk=room_id)
        room.check_version(expected)
        for name, value in changes.items():
            setattr(room, name, value)
        room.save()
    return room


def remove_room(*, room_id: UUID, by: User) -> None:
    """Remove a room. Raises NotFound, and Conflict while an appointment has it."""
    try:
        with transaction.atomic(), context.done_by(by):
            Room.objects.select_for_update().get_or_refuse(pk=room_id).delete()
    except (ProtectedError, IntegrityError) as error:
        raise Conflict(IN_USE) from error


def get_bookable_room(room_id: UUID) -> Room:
    """Return the room. Raises NotFound, and Conflict for one that is not in use any more."""
    room: Room = Room.objects.get_or_refuse(pk=room_id)
    if not room.is_active:
        raise Conflict(NOT_IN_USE)
    return room


def rooms_at(office_id: UUID | None) -> list[Room]:
    """Return the rooms that can be booked at this office; at all of them, if none is given."""
    rooms = Room.objects.filter(is_active=True).select_related("office")
    return list(rooms.filter(office=office_id) if office_id else rooms)


def check_room_is_there(appointment: Appointment) -> None:
    """Raise Invalid for a room at another office than the appointment's."""
    if appointment.room and appointment.room.office_id != appointment.office_id:
        raise Invalid("roomId", AT_ANOTHER_OFFICE)
