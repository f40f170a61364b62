"""Deleting appointments: what was booked by mistake. One that took place, or was cancelled, is told by its status."""

from typing import Any

from django.dispatch import receiver

from accounts.roles import Permission
from appointments.declined import call_off
from appointments.models import Appointment
from patients.deletions import being_deleted, deletable
from patients.models import Patient

deletable(
    Appointment,
    name="appointment",
    permission=Permission.DELETE_APPOINTMENTS,
    refusal="The front desk deletes appointments.",
    taken="The doctor has another appointment at this time.",
)


@receiver(being_deleted, sender=Patient)
def free_the_calendar(*, row: Patient, **kwargs: Any) -> None:
    """A chart that comes back finds its appointments cancelled: the slots may be somebody else's by then."""
    call_off(chart=row)
