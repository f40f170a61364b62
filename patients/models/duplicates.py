"""Pairs of charts that may be of one person."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.tenancy.models import PracticeModel
from patients.models.patient import Patient


class DuplicatePair(PracticeModel):
    """Two charts that may be of one person, and why; `one` has the smaller id. Once somebody has said that they are
    not the same, the pair is kept, so that it is not shown again."""

    one = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    reasons = models.JSONField()
    dismissed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    audited = False  # patients/duplicates/services.py records its own events

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("possible duplicate"), _("possible duplicates")
        indexes: ClassVar = [
            models.Index(fields=["practice", "id"], condition=models.Q(dismissed_by=None), name="duplicate_open")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["one", "other"], name="duplicate_pair_once"),
            models.CheckConstraint(condition=models.Q(one__lt=models.F("other")), name="duplicate_pair_in_order"),
        ]

    def __str__(self) -> str:
        return f"Pair {str(self.pk)[-6:]}"

    def about_patients(self) -> list[UUID]:
        return [self.one_id, self.other_id]


class DuplicateSearch(PracticeModel):
    """How far the practice's charts have been compared, in the order of their last change."""

    changed_at = models.DateTimeField(null=True)
    chart_id = models.UUIDField(null=True)

    audited = False

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice"], name="duplicate_search_once")]

    def __str__(self) -> str:
        return f"Search {str(self.pk)[-6:]}"
