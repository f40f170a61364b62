"""Who may delete an appointment. Deleting is for bookings made by mistake; otherwise the status is changed."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import booking_rules
from appointments.messages import planning
from appointments.models import Appointment, AppointmentStatus, EventKind, SlotHold
from appointments.receivers import cancel_upcoming
from appointments.schedule.availability import SLOT_HELD
from appointments.services import calendar_names
from appointments.visits import history
from core.errors import Conflict
from core.permissions import Permission
from patients.deletion.services import post_restore, pre_soft_delete, register_deletable
from patients.models import Patient


def check_restorable(row: Appointment) -> None:
    """Raise Conflict while its patient is with another doctor then, its room is taken or its time held. The calendar is
    locked, as holds are made."""
    booking_rules.check_restorable(row)
    scheduled = row.status == AppointmentStatus.SCHEDULED
    if scheduled and SlotHold.objects.live().meeting(row.starts_at, row.ends_at, row.doctor_id).exists():
        raise Conflict(SLOT_HELD)


register_deletable(
    Appointment,
    name="appointment",
    permission=Permission.DELETE_APPOINTMENTS,
    refusal_message=_("Only the front desk can delete appointments."),
    locks=lambda row: calendar_names(row.doctor_id, row.room_id),
    check_restorable=check_restorable,
    conflict_message=_("The doctor has another appointment at this time."),
)


@receiver(pre_soft_delete, sender=Patient)
def cancel_upcoming_of_deleted_chart(*, row: Patient, by: User, **kwargs: Any) -> None:
    """Cancel them for good: by the time the chart is restored, the slots may be taken."""
    cancel_upcoming(chart=row, by=by)


@receiver(pre_soft_delete, sender=Appointment)
def record_deletion(*, row: Appointment, by: User, **kwargs: Any) -> None:
    history.record(row, by=by, what=EventKind.DELETED)
    planning.follow(row, said_before=planning.says_of(row), deleted=True)


@receiver(post_restore, sender=Appointment)
def record_restoring(*, row: Appointment, by: User, **kwargs: Any) -> None:
    history.record(row, by=by, what=EventKind.RESTORED)
    planning.follow(row, said_before=planning.CANCELLED)
