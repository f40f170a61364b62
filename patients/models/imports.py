"""Imports of other programs' files: what was uploaded, line by line, and what came of each line."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, display_name
from core.encryption.fields import EncryptedCharField, EncryptedJsonField
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel


class ImportKind(models.TextChoices):
    PATIENTS = "patients", _("Patients")
    APPOINTMENTS = "appointments", _("Appointments")


class ImportState(models.TextChoices):
    READ = "read", _("To be matched")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    RUNNING = "running", _("Being imported")
    DONE = "done", _("Imported")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


AT_WORK = (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)


class LineState(models.TextChoices):
    READY = "ready", _("Will be imported")
    WRONG = "wrong", _("Something is wrong")
    DOUBLE = "double", _("May be here already")
    SAME = "same", _("Is here already")
    MADE = "made", _("Imported")
    UNDONE = "undone", _("Taken back")
    KEPT = "kept", _("Changed since, so kept")


class DateOrder(models.TextChoices):
    DAY_FIRST = "dmy", _("The day first: 31/12/1980")
    MONTH_FIRST = "mdy", _("The month first: 12/31/1980")
    YEAR_FIRST = "ymd", _("The year first: 1980-12-31")


class OwnEventsQuerySet(PracticeQuerySet):
    """Bulk writes without an event each: patients/imports/services.py records what an import does."""

    def _record(self, *args: Any, **details: Any) -> None:
        pass


class OwnEventsManager(PracticeManager.from_queryset(OwnEventsQuerySet)):  # type: ignore[misc]
    pass


class Import(PracticeModel):
    """One file. `columns` says of each column its name and in which line it tells the order of dates
    (patients/imports/csv_reader.py), `mapping` which column each field is read from, `position` the number of the last
    part that the work on it has finished."""

    kind = models.CharField(max_length=12, choices=ImportKind.choices)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.READ)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    file_name = EncryptedCharField(label="import.file_name", max_length=255, blank=True)
    encoding = models.CharField(max_length=20)
    separator = models.CharField(max_length=1)
    quoted = models.BooleanField(default=False)
    columns = EncryptedJsonField(label="import.columns")
    lines = models.PositiveIntegerField(default=0)
    parts_count = models.PositiveIntegerField(default=0)
    mapping = models.JSONField(default=dict)
    date_order = models.CharField(max_length=3, choices=DateOrder.choices, blank=True)
    doctor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    emptied_at = models.DateTimeField(null=True)  # when the file's text was removed

    audited = False  # patients/imports/services.py records its own events

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("import"), _("imports")
        indexes: ClassVar = [models.Index(fields=["practice", "id"], name="import_page")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=ImportKind.values), name="import_kind_known"),
            models.CheckConstraint(condition=models.Q(state__in=ImportState.values), name="import_state_known"),
            models.CheckConstraint(
                condition=models.Q(date_order__in=["", *DateOrder.values]), name="import_date_order_known"
            ),
        ]

    def __str__(self) -> str:
        return f"Import {str(self.pk)[-6:]}"

    @property
    def made_by_name(self) -> str:
        return display_name(getattr(self, "made_by", None))

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK


class ImportPart(PracticeModel):
    """Some lines of the file: `[number, [cell, …]]` each. It is removed once they are imported."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = EncryptedJsonField(label="import_part.rows")

    audited = False
    objects: ClassVar[OwnEventsManager] = OwnEventsManager()

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["of", "number"], name="import_part_once")]

    def __str__(self) -> str:
        return f"Part {str(self.pk)[-6:]}"


class ImportLine(PracticeModel):
    """What comes of one line. `row_id` is the row that it makes or has made, or the chart that it is of already;
    `person` and `number_key` are keyed hashes of who it is about and of their number in the old program; `report` says
    what is wrong, with the line's text, until that is removed."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="results")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=LineState.choices)
    row_id = models.UUIDField(null=True)
    person = models.BigIntegerField(null=True)
    number_key = models.BigIntegerField(null=True)
    report = EncryptedJsonField(label="import_line.report", null=True)

    audited = False
    objects: ClassVar[OwnEventsManager] = OwnEventsManager()

    class Meta(PracticeModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["of", "state", "number"], name="import_line_state"),
            models.Index(fields=["of", "person"], name="import_line_person"),
            models.Index(
                fields=["practice", "number_key"],
                condition=models.Q(number_key__isnull=False),
                name="import_line_number_key",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=LineState.values), name="import_line_state_known"),
            models.UniqueConstraint(fields=["of", "number"], name="import_line_once"),
        ]

    def __str__(self) -> str:
        return f"Line {str(self.pk)[-6:]}"


class ImportMapping(PracticeModel):
    """Which fields the practice's columns were read as last, by the columns' names."""

    kind = models.CharField(max_length=12, choices=ImportKind.choices)
    fields = EncryptedJsonField(label="import_mapping.fields")

    audited = False

    class Meta(PracticeModel.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice", "kind"], name="import_mapping_once")]

    def __str__(self) -> str:
        return f"Mapping {str(self.pk)[-6:]}"
