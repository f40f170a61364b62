"""Deletions and legal holds."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, display_name
from core.encryption.fields import EncryptedTextField
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from patients.models.patient import Patient


class DeletionQuerySet(PracticeQuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_people(self) -> Self:
        """Fetch the names that a list shows, in two queries: a join would leave out deletions by a platform
        superuser."""
        return self.select_related("patient", "practice").prefetch_related("deleted_by").defer("patient__search_index")


class Deletion(PracticeModel):
    """The deletion of a chart with everything in it, or of one row of a chart (`about`, the model's label, and
    `about_id`).

    Every row it hides refers to it. It is removed when the row is restored, or finally purged; once `purge_began_at` is
    set, the row can no longer be restored.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=100)
    about_id = models.UUIDField()
    deleted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(label="deletion.reason", max_length=1000)
    purge_began_at = models.DateTimeField(null=True)

    audited = False  # patients/deletion/services.py logs its own events
    patient_field = "patient_id"
    on_hold = False  # whether the chart is on legal hold; annotated by deletions_for

    objects: ClassVar[Any] = PracticeManager.from_queryset(DeletionQuerySet)()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("deletion"), _("deletions")
        indexes: ClassVar = [models.Index(fields=["practice", "id"], name="deletion_page")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["about", "about_id"], name="deletion_once")]

    def __str__(self) -> str:
        return f"Deletion {str(self.pk)[-6:]}"

    @property
    def deleted_by_name(self) -> str:
        """The name of the person who deleted it; use with `with_people`."""
        return display_name(getattr(self, "deleted_by", None))

    @property
    def is_of_chart(self) -> bool:
        return self.about == Patient._meta.label

    @property
    def restorable_until(self) -> datetime:
        return self.created_at + timedelta(days=settings.RESTORE_DAYS)


class LegalHold(PracticeModel):
    """Keeps everything in a chart from being purged, for example because a court has asked for it."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="legal_holds")
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(label="legal_hold.reason", max_length=1000)

    audited = False  # patients/deletion/services.py logs its own events
    patient_field = "patient_id"

    def __str__(self) -> str:
        return f"Legal hold {str(self.pk)[-6:]}"
