"""Appointment types: what the practice offers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType, TypeOffer
from audit import context
from core.database.constraints import violation_as_conflict
from core.errors import Conflict

NAME_TAKEN = _("There is already an appointment type with this name. Choose another name.")
IN_USE = _(
    "This appointment type can't be removed while appointments or the waiting list use it. "
    "You can stop offering it instead."
)


@contextmanager
def _saving(by: User) -> Iterator[None]:
    """Run the block in one transaction; raise Conflict if the name is taken."""
    with violation_as_conflict("appointment_type_name", NAME_TAKEN), transaction.atomic(), context.done_by(by):
        yield


def create_type(*, by: User, doctor_ids: Iterable[UUID] = (), **fields: Any) -> AppointmentType:
    """Create a type. Without `doctor_ids` every doctor offers it. Raises NotFound for an unknown doctor, and Conflict
    for a name that another type has."""
    with _saving(by):
        kind = AppointmentType.objects.create(**fields)
        _offer(kind, doctor_ids)
    return kind


def change_type(
    *, type_id: UUID, by: User, expected: int | None = None, doctor_ids: Iterable[UUID] | None = None, **changes: Any
) -> AppointmentType:
    """Change the given fields; what was booked keeps its length. `expected` is the version that the caller has read.
    Raises NotFound for an unknown type or doctor, StaleVersion, and Conflict for a name that another type has."""
    with _saving(by):
        kind: AppointmentType = AppointmentType.objects.select_for_update().get_or_refuse(pk=type_id)
        kind.check_version(expected)
        for name, value in changes.items():
            setattr(kind, name, value)
        if doctor_ids is not None and _offer(kind, doctor_ids):
            kind.count_change()
        kind.save()
    return kind


def _offer(kind: AppointmentType, doctor_ids: Iterable[UUID]) -> bool:
    """Let these doctors offer it, and return whether that changes anything."""
    offers = {offer.doctor_id: offer for offer in kind.offers.all()}
    # who offers it already may have left: the whole type may be sent back
    wanted = {doctor_id if doctor_id in offers else User.objects.doctor(doctor_id).pk for doctor_id in doctor_ids}
    for doctor_id in sorted(offers.keys() - wanted):
        offers[doctor_id].delete()
    for doctor_id in sorted(wanted - offers.keys()):
        TypeOffer.objects.create(appointment_type=kind, doctor_id=doctor_id)
    return offers.keys() != wanted


def remove_type(*, type_id: UUID, by: User) -> None:
    """Remove a type. Raises NotFound, and Conflict while an appointment has it."""
    try:
        with transaction.atomic(), context.done_by(by):
            AppointmentType.objects.select_for_update().get_or_refuse(pk=type_id).delete()
    except (ProtectedError, IntegrityError) as error:
        raise Conflict(IN_USE) from error
