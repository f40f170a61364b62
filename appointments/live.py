"""What open pages and programs are told of appointments: which of them changed, by the numbers of
appointments/visits/changes.py (docs/adr/0047)."""

from appointments.models import Appointment
from appointments.visits import changes
from core.permissions import Permission
from notifications.events import EventType
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
