"""Vital signs and other measures of a chart."""

from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedJsonField, EncryptedTextField
from core.tenancy.managers import PracticeManager
from core.tenancy.soft_delete import NotDeletedManager
from patients.models import Patient
from records.models.entry import Amendable, EntryQuerySet
from records.models.version import Version

MAX_REMARK_LENGTH = 500
UNREADABLE = "unreadable"  # the key of a reading that can't be decrypted


class MeasureKind(PublicTextChoices):
    PAIN = "pain", _("Pain")
    WEIGHT = "weight", _("Weight")
    HEIGHT = "height", _("Height")
    BLOOD_PRESSURE = "blood_pressure", _("Blood pressure")
    PULSE = "pulse", _("Pulse")
    TEMPERATURE = "temperature", _("Temperature")
    RESPIRATION = "respiration", _("Respiratory rate")
    OXYGEN = "oxygen", _("Oxygen saturation")
    GRIP = "grip", _("Grip strength")
    RANGE_OF_MOTION = "range_of_motion", _("Range of motion")


class Unit(PublicTextChoices):
    OF_TEN = "of_10", _("of 10")
    POUND = "lb", _("lb")
    KILOGRAM = "kg", _("kg")
    INCH = "in", _("in")
    CENTIMETRE = "cm", _("cm")
    MMHG = "mmHg", _("mmHg")
    PER_MINUTE = "per_min", _("per minute")
    FAHRENHEIT = "F", _("°F")
    CELSIUS = "C", _("°C")
    PERCENT = "percent", _("%")
    DEGREE = "degree", _("degrees")


class Joint(PublicTextChoices):
    NECK = "neck", _("Neck")
    UPPER_BACK = "upper_back", _("Upper back")
    LOWER_BACK = "lower_back", _("Lower back")
    SHOULDER = "shoulder", _("Shoulder")
    ELBOW = "elbow", _("Elbow")
    WRIST = "wrist", _("Wrist")
    HIP = "hip", _("Hip")
    KNEE = "knee", _("Knee")
    ANKLE = "ankle", _("Ankle")


class Movement(PublicTextChoices):
    FLEXION = "flexion", _("Flexion")
    EXTENSION = "extension", _("Extension")
    ABDUCTION = "abduction", _("Abduction")
    ADDUCTION = "adduction", _("Adduction")
    INTERNAL_ROTATION = "internal_rotation", _("Internal rotation")
    EXTERNAL_ROTATION = "external_rotation", _("External rotation")
    SIDE_BENDING = "side_bending", _("Side bending")
    ROTATION = "rotation", _("Rotation")


class Side(PublicTextChoices):
    LEFT = "left", _("Left")
    RIGHT = "right", _("Right")


class Span(NamedTuple):
    """What can be measured in a unit at all: beyond, somebody has mistyped it. `places` are decimals."""

    least: Decimal
    most: Decimal
    places: int


def _span(least: float, most: float, places: int = 0) -> Span:
    return Span(Decimal(str(least)), Decimal(str(most)), places)


SPANS: dict[MeasureKind, dict[Unit, Span]] = {  # the first unit is offered first
    MeasureKind.PAIN: {Unit.OF_TEN: _span(0, 10)},
    MeasureKind.WEIGHT: {Unit.POUND: _span(1, 1400, 1), Unit.KILOGRAM: _span(0.3, 650, 1)},
    MeasureKind.HEIGHT: {Unit.INCH: _span(8, 110, 2), Unit.CENTIMETRE: _span(20, 280, 1)},
    MeasureKind.BLOOD_PRESSURE: {Unit.MMHG: _span(20, 350)},
    MeasureKind.PULSE: {Unit.PER_MINUTE: _span(10, 350)},
    MeasureKind.TEMPERATURE: {Unit.FAHRENHEIT: _span(75, 115, 1), Unit.CELSIUS: _span(24, 46, 1)},
    MeasureKind.RESPIRATION: {Unit.PER_MINUTE: _span(1, 120)},
    MeasureKind.OXYGEN: {Unit.PERCENT: _span(30, 100)},
    MeasureKind.GRIP: {Unit.POUND: _span(0, 300, 1), Unit.KILOGRAM: _span(0, 140, 1)},
    MeasureKind.RANGE_OF_MOTION: {Unit.DEGREE: _span(-60, 240)},
}
OF_ONE_SIDE = (MeasureKind.GRIP, MeasureKind.RANGE_OF_MOTION)
CONTENT = ("measuredAt", "value", "diastolic", "unit", "joint", "movement", "side", "remark")


class MeasureQuerySet(EntryQuerySet):
    def latest_first(self) -> Self:
        return self.order_by("-measured_at", "-id")


class MeasureManager(NotDeletedManager, PracticeManager.from_queryset(MeasureQuerySet)):  # type: ignore[misc]
    pass


class Measure(Amendable):
    """What was measured at a moment. `reading` holds the value, as it was written (`"72.5"`), its unit and, as the kind
    has them, `diastolic`, `joint`, `movement` and `side`: one ciphertext for all. `doctor` is who wrote it down."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="measures")
    doctor = models.ForeignKey(User, verbose_name=_("written by"), on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=15, choices=MeasureKind.choices, editable=False)
    measured_at = models.DateTimeField(_("measured at"), default=timezone.now)
    reading = EncryptedJsonField(_("reading"), label="measure.reading")
    remark = EncryptedTextField(
        _("remark"), label="measure.remark", max_length=MAX_REMARK_LENGTH, blank=True, default=""
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    amended_at = models.DateTimeField(_("amended at"), null=True, editable=False)

    has_one_author = False
    patient_field = "patient_id"

    objects: ClassVar[MeasureManager] = MeasureManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(MeasureQuerySet)()

    class Meta(Amendable.Meta):
        verbose_name, verbose_name_plural = _("measure"), _("measures")
        indexes: ClassVar = [models.Index(fields=["patient", "measured_at", "id"], name="measure_of_patient")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=MeasureKind.values), name="measure_kind_known")
        ]

    def __str__(self) -> str:
        return f"Measure {str(self.pk)[-6:]}"

    def _read(self, name: str) -> Any:
        """Return what the reading has under this name; nothing of one that can't be decrypted."""
        return self.reading.get(name, "")

    @property
    def value(self) -> Decimal | None:
        text = self._read("value")
        return Decimal(text) if text else None

    @property
    def diastolic(self) -> Decimal | None:
        text = self._read("diastolic")
        return Decimal(text) if text else None

    @property
    def unit(self) -> str:
        return str(self._read("unit"))

    @property
    def joint(self) -> str:
        return str(self._read("joint"))

    @property
    def movement(self) -> str:
        return str(self._read("movement"))

    @property
    def side(self) -> str:
        return str(self._read("side"))

    @property
    def series(self) -> tuple[str, str, str, str]:
        """What belongs in one chart: one kind, and of a joint one movement of one side."""
        return (self.kind, self.joint, self.movement, self.side)

    @property
    def shown_value(self) -> str:
        """Return `128/82 mmHg`, `3 of 10`, `45 degrees`."""
        if UNREADABLE in self.reading:
            return str(self.reading[UNREADABLE])
        text = "/".join(str(each) for each in (self._read("value"), self._read("diastolic")) if each)
        return f"{text} {Unit(self.unit).label}" if self.unit else text

    def content(self) -> dict[str, Any]:
        kept = {name: self._read(name) for name in CONTENT if name not in ("measuredAt", "remark")}
        return {"measuredAt": self.measured_at.isoformat(), **kept, "remark": self.remark}

    def implicit_versions(self) -> list[Version]:
        return [
            MeasureVersion(
                measure=self, number=1, author=self.doctor, created_at=self.created_at, content=self.content()
            )
        ]


def series_title(series: tuple[str, str, str, str]) -> str | Promise:
    """Return `Weight`, `Shoulder, abduction, left`."""
    kind, joint, movement, side = series
    words = [str(Joint(joint).label)] if joint else [str(MeasureKind(kind).label)]
    words += [str(choices(value).label).lower() for choices, value in ((Movement, movement), (Side, side)) if value]
    return ", ".join(words)


class MeasureVersion(Version):
    """A version of a measure: the original and each correction. One that was never corrected has no rows here."""

    measure = models.ForeignKey(Measure, on_delete=models.CASCADE, related_name="versions")
    content = EncryptedJsonField(label="measure_version.content")
    reason = EncryptedTextField(label="measure_version.reason", max_length=1000, blank=True)

    class Meta(Version.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["measure", "number"], name="measure_version_numbers")]

    def about_patients(self) -> list[UUID]:
        return [self.measure.patient_id]
