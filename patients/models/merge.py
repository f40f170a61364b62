"""Merges of two charts of one person."""

from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, display_name
from core.encryption.fields import EncryptedJsonField
from core.tenancy.models import PracticeModel
from patients.models.patient import Patient


class ChartMerge(PracticeModel):
    """The merge of the chart `merged` into the chart `patient`, with what it takes to undo it (docs/adr/0039). It is
    removed when it is undone.

    `moved`: the ids of the rows that went over, by relation (`"appointments.Appointment.patient"`).
    `values`: what the merge changed in `patient`, by field: the value before and the one after.
    `accounts`: the accounts of the two before (`into`, `from`), the one it left to `patient` (`after`), and the one it
    closed (`closed`).
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    merged = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    merged_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    moved = models.JSONField()
    values = EncryptedJsonField(label="chart_merge.values")
    accounts = models.JSONField()

    audited = False  # patients/merging/services.py logs its own events
    patient_field = "patient_id"

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("merge"), _("merges")
        constraints: ClassVar = [models.UniqueConstraint(fields=["merged"], name="merge_once")]

    def __str__(self) -> str:
        return f"Merge {str(self.pk)[-6:]}"

    def about_patients(self) -> list[UUID]:
        return [self.patient_id, self.merged_id]

    @property
    def undoable_until(self) -> datetime:
        return self.created_at + timedelta(days=settings.RESTORE_DAYS)

    @property
    def merged_by_name(self) -> str:
        return display_name(getattr(self, "merged_by", None))
