"""Problems, medications and allergies of a chart."""

from datetime import date
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField, EncryptedDateField, EncryptedJsonField, EncryptedTextField
from core.permissions import Permission
from core.tenancy.managers import PracticeManager
from core.tenancy.soft_delete import NotDeletedManager
from core.texts import validate_line
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.version import Version

MAX_LINE_LENGTH = 500  # of what people type; a line taken over from a chart's text may be longer
CONTENT = ("text", "code", "codeSystem", "dose", "reaction", "severity", "since", "until", "status")
_ATTRIBUTES = {"codeSystem": "code_system"}


class ChartList(PublicTextChoices):
    PROBLEM = "problem", _("Problem")
    MEDICATION = "medication", _("Medication")
    ALLERGY = "allergy", _("Allergy")


class ChartEntryStatus(PublicTextChoices):
    ACTIVE = "active", _("Active")
    ENDED = "ended", _("Ended")
    REMOVED = "removed", _("Taken off the list")  # by who changed the chart's text


class Severity(PublicTextChoices):
    MILD = "mild", _("Mild")
    MODERATE = "moderate", _("Moderate")
    SEVERE = "severe", _("Severe")


class ChartEntryQuerySet(EntryQuerySet):
    """Who reads a chart's clinical fields reads its lists."""

    read_all, read_own = Permission.READ_CHARTS, Permission.READ_OWN_CHART

    def listed(self) -> Self:
        return self.exclude(status=ChartEntryStatus.REMOVED)

    def active_first(self) -> Self:
        return self.order_by("status", "id")


class ChartEntryManager(NotDeletedManager, PracticeManager.from_queryset(ChartEntryQuerySet)):  # type: ignore[misc]
    pass


class ChartEntry(Amendable):
    """A problem, a medication or an allergy, coded or in free words. `doctor` is who wrote it down. It has ended
    if it has a day `until`."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="entries")
    doctor = models.ForeignKey(User, verbose_name=_("written by"), on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=10, choices=ChartList.choices, editable=False)
    status = models.CharField(
        _("status"), max_length=7, choices=ChartEntryStatus.choices, default=ChartEntryStatus.ACTIVE
    )
    text = EncryptedTextField(_("text"), label="chart_entry.text", max_length=20_000, validators=[validate_line])
    code = EncryptedCharField(_("code"), label="chart_entry.code", max_length=50, blank=True)
    code_system = EncryptedCharField(_("code system"), label="chart_entry.code_system", max_length=100, blank=True)
    dose = EncryptedTextField(_("dose and instructions"), label="chart_entry.dose", max_length=500, blank=True)
    reaction = EncryptedTextField(_("reaction"), label="chart_entry.reaction", max_length=500, blank=True)
    severity = EncryptedCharField(_("severity"), label="chart_entry.severity", max_length=10, blank=True)
    since = EncryptedDateField(_("since"), label="chart_entry.since", null=True, blank=True)
    until = EncryptedDateField(_("until"), label="chart_entry.until", null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    amended_at = models.DateTimeField(_("amended at"), null=True, editable=False)

    has_one_author = False
    patient_field = "patient_id"

    objects: ClassVar[ChartEntryManager] = ChartEntryManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(ChartEntryQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name, verbose_name_plural = _("chart entry"), _("chart entries")
        indexes: ClassVar = [models.Index(fields=["patient", "kind", "status", "id"], name="chart_entry_of_patient")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=ChartList.values), name="chart_entry_kind_known"),
            models.CheckConstraint(
                condition=models.Q(status__in=ChartEntryStatus.values), name="chart_entry_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"Chart entry {str(self.pk)[-6:]}"

    @property
    def is_in_text(self) -> bool:
        """Whether the chart's text says it: a history tells of problems that are over as well."""
        said = (
            (ChartEntryStatus.ACTIVE, ChartEntryStatus.ENDED)
            if self.kind == ChartList.PROBLEM
            else (ChartEntryStatus.ACTIVE,)
        )
        return self.status in said

    @property
    def line(self) -> str:
        """Return what the chart's text says of it, as stored: in no language of a page."""
        details = [self.reaction, self.severity]
        if self.kind == ChartList.PROBLEM:
            details += [f"since {self.since}" if self.since else "", f"until {self.until}" if self.until else ""]
        said = ", ".join(detail for detail in details if detail)
        return f"{self.text} ({said})" if said else self.text

    def content(self) -> dict[str, Any]:
        values = {name: getattr(self, _ATTRIBUTES.get(name, name)) for name in CONTENT}
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}

    def implicit_versions(self) -> list[Version]:
        return [
            ChartEntryVersion(
                entry=self, number=1, author=self.doctor, created_at=self.created_at, content=self.content()
            )
        ]


class ChartEntryVersion(Version):
    """A version of an entry: the original and each change. An entry that was never changed has no rows here."""

    entry = models.ForeignKey(ChartEntry, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="chart_entry_version.content")
    reason = EncryptedTextField(label="chart_entry_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entry", "number"], name="chart_entry_version_numbers"),
        ]

    def about_patients(self) -> list[UUID]:
        return [self.entry.patient_id]
