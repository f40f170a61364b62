"""What open pages and programs are told of appointments: which of them changed, by the numbers of
appointments/visits/changes.py (docs/adr/0047)."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from appointments.models import Appointment
from appointments.visits import changes
from core.permissions import Permission
from notifications.events import EventType
from notifications.live import hints
from notifications.live.sources import Change, register


class AppointmentChanges:
    read_all, read_own = Permission.READ_APPOINTMENTS, Permission.READ_OWN_APPOINTMENTS
    last_number = staticmethod(changes.last_number)
    cursor = staticmethod(changes.cursor_of)
    number_of = staticmethod(changes.number_of)

    def changes_after(self, number: int, *, limit: int) -> list[Change]:
        found = Appointment.with_deleted.filter(change_number__gt=number).order_by("change_number")
        rows = found.values_list("change_number", "pk", "version", "patient__user_id", "deletion_id")[:limit]
        return [
            Change(
                number,
                EventType.APPOINTMENT_CHANGED if deletion_id is None else EventType.APPOINTMENT_DELETED,
                pk,
                version,
                account_id,
            )
            for number, pk, version, account_id, deletion_id in rows
        ]


register(AppointmentChanges())


@receiver(post_save, sender=Appointment)
def hint(*, instance: Appointment, **kwargs: Any) -> None:
    """Let open pages hear of it at once. What is written past `save` is heard of within a second."""
    transaction.on_commit(partial(hints.give, instance.practice_id), robust=True)
