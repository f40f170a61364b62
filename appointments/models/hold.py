"""Holds: a slot that is kept for a moment."""

from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models.appointment_type import AppointmentType
from core.errors import Sentence
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel


class SlotHoldQuerySet(PracticeQuerySet):
    def live(self) -> Self:
        return self.filter(expires_at__gt=timezone.now())

    def meeting(self, start: datetime, end: datetime, doctor_id: UUID) -> Self:
        """Return those of this doctor's that are at the same time."""
        return self.filter(doctor=doctor_id, starts_at__lt=end, ends_at__gt=start)


class SlotHold(PracticeModel):
    """A slot of a doctor that is kept for `held_by`, who fills a form, or for whom it is offered to, until it expires
    (docs/adr/0040). An expired one is as if it were not there."""

    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")
    type = models.ForeignKey(
        AppointmentType, verbose_name=_("type"), null=True, on_delete=models.CASCADE, related_name="+"
    )
    held_by = models.ForeignKey(User, verbose_name=_("held by"), on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    expires_at = models.DateTimeField(_("expires at"))

    warnings: list[Sentence] = []

    objects: ClassVar[PracticeManager] = PracticeManager.from_queryset(SlotHoldQuerySet)()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("held slot"), _("held slots")
        indexes: ClassVar = [models.Index(fields=["doctor", "expires_at"], name="slot_hold_doctor")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="slot_hold_ends_after_start"),
        ]
