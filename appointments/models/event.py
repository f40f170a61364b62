"""The history of a visit."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models.appointment import Appointment
from core.choices import PublicTextChoices
from core.tenancy.models import PracticeModel


class EventKind(PublicTextChoices):
    BOOKED = "booked", _("Booked")
    MOVED = "moved", _("Moved")
    EDITED = "edited", _("Changed")
    CONFIRMED = "confirmed", _("Confirmed")
    ARRIVED = "arrived", _("Arrived")
    STARTED = "started", _("Started")
    FINISHED = "finished", _("Finished")
    NO_SHOW = "no_show", _("No-show")
    CANCELLED = "cancelled", _("Cancelled")
    REOPENED = "reopened", _("Reopened")
    UNDONE = "undone", _("Taken back")
    DELETED = "deleted", _("Deleted")
    RESTORED = "restored", _("Restored")


class AppointmentEvent(PracticeModel):
    """One change of a visit, added in its transaction. Never changed, and removed with the visit alone.

    `details` holds ids, moments and names of fields, and no text that somebody typed.
    """

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="events")
    by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")  # null: a command
    what = models.CharField(max_length=10, choices=EventKind.choices)
    details = models.JSONField(default=dict)

    audited = False  # the trail has the change itself
    uncounted = True

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("change of a visit"), _("changes of visits")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(what__in=EventKind.values), name="appointment_event_known"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **{**kwargs, "force_insert": True})

    def __str__(self) -> str:
        return f"Change {str(self.pk)[-6:]}"

    def about_patients(self) -> list[UUID]:
        return [self.appointment.patient_id]
