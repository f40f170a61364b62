"""Where it hurts, on a drawing of the body."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedJsonField, EncryptedTextField
from core.tenancy.managers import PracticeManager
from core.tenancy.soft_delete import NotDeletedManager
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.note import SessionNote, readable_q
from records.models.version import Version

MAX_REMARK_LENGTH = 1000
UNREADABLE = "unreadable"  # the key of marks that can't be decrypted


class Sensation(PublicTextChoices):
    PAIN = "pain", _("Pain")
    ACHE = "ache", _("Dull ache")
    BURNING = "burning", _("Burning")
    TINGLING = "tingling", _("Tingling")
    NUMBNESS = "numbness", _("Numbness")
    STIFFNESS = "stiffness", _("Stiffness")


class BodyChartQuerySet(EntryQuerySet):
    def readable_by(self, user: User) -> Self:
        """Return what this person may read: what was drawn with a session note only with the note."""
        return super().readable_by(user).filter(models.Q(note=None) | readable_q(user, "note__"))

    def latest_first(self) -> Self:
        return self.order_by("-drawn_at", "-id")


class BodyChartManager(NotDeletedManager, PracticeManager.from_queryset(BodyChartQuerySet)):  # type: ignore[misc]
    pass


class BodyChart(Amendable):
    """Marks on a drawing of the body at a moment, and the note that they were made with. `marks` holds
    `{"marks": [{"region": "back.lower_back", "sensation": "pain", "level": 7}]}`; the regions are those of
    records/body_charts/regions.py. `doctor` is who drew it."""

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="body_charts"
    )
    doctor = models.ForeignKey(User, verbose_name=_("drawn by"), on_delete=models.PROTECT, related_name="+")
    note = models.ForeignKey(
        SessionNote, verbose_name=_("session note"), null=True, on_delete=models.PROTECT, related_name="body_charts"
    )
    drawn_at = models.DateTimeField(_("drawn at"), default=timezone.now)
    marks = EncryptedJsonField(_("marks"), label="body_chart.marks")
    remark = EncryptedTextField(
        _("remark"), label="body_chart.remark", max_length=MAX_REMARK_LENGTH, blank=True, default=""
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    amended_at = models.DateTimeField(_("amended at"), null=True, editable=False)

    has_one_author = False
    patient_field = "patient_id"

    objects: ClassVar[BodyChartManager] = BodyChartManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(BodyChartQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name, verbose_name_plural = _("body chart"), _("body charts")
        indexes: ClassVar = [models.Index(fields=["patient", "drawn_at", "id"], name="body_chart_of_patient")]

    def __str__(self) -> str:
        return f"Body chart {str(self.pk)[-6:]}"

    @property
    def mark_list(self) -> list[dict[str, Any]]:
        """Return the marks; none of those that can't be decrypted."""
        return list(self.marks.get("marks", ()))

    @property
    def unreadable(self) -> str:
        """Return what is shown instead of marks that can't be decrypted."""
        return str(self.marks.get(UNREADABLE, ""))

    def content(self) -> dict[str, Any]:
        return {"drawnAt": self.drawn_at.isoformat(), "marks": self.mark_list, "remark": self.remark}

    def implicit_versions(self) -> list[Version]:
        return [
            BodyChartVersion(
                body_chart=self, number=1, author=self.doctor, created_at=self.created_at, content=self.content()
            )
        ]


class BodyChartVersion(Version):
    """A version of a body chart: the original and each correction. One never corrected has no rows here."""

    body_chart = models.ForeignKey(BodyChart, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="body_chart_version.content")
    reason = EncryptedTextField(label="body_chart_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["body_chart", "number"], name="body_chart_version_numbers")
        ]

    def about_patients(self) -> list[UUID]:
        return [self.body_chart.patient_id]
