"""Vital signs and other measures: written down, and corrected with a reason."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.encryption.fields import is_unreadable
from core.errors import Conflict, Invalid
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import lock_chart
from records.measures.serializers import MeasureShape
from records.models import Measure
from records.models.measure import OF_ONE_SIDE, SPANS, MeasureKind, Unit
from records.versions import services as versions

IN_READING = ("value", "diastolic", "unit", "joint", "movement", "side")
NAMES = {"measured_at": "measuredAt"}

UNREADABLE = _("This measure can't be decrypted, so it can't be corrected.")
NOT_OF_THIS_KIND = _("This kind of measure has no such value. Leave it blank.")
NEEDED = _("This kind of measure needs this value, too.")
OTHER_UNIT = _("This kind of measure is not taken in this unit. Choose another unit.")
OUT_OF_SPAN = _("Enter a number from %(least)s to %(most)s.")
TOO_FINE = _("Enter a whole number.")
TOO_MANY_PLACES = _("Enter at most %(places)d digits after the point.")
UPSIDE_DOWN = _("The diastolic pressure must be below the systolic one. Check both numbers.")
TO_COME = _("This moment is still to come. Enter when it was, or leave it blank for now.")


@transaction.atomic
def add_measure(*, by: User, patient_id: UUID, **fields: Any) -> Measure:
    """Write one down. Raises NotFound, ChartRestricted, and Invalid for what can't be."""
    return add_measures(by=by, patient_id=patient_id, measures=[fields])[0]


@transaction.atomic
def add_measures(*, by: User, patient_id: UUID, measures: Iterable[Mapping[str, Any]]) -> list[Measure]:
    """Write several down: all of them, or none. Raises like `add_measure`."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    return [_add(chart, by, **fields) for fields in measures]


def _add(
    chart: Patient, by: User, *, kind: str, measured_at: datetime | None = None, remark: str = "", **given: Any
) -> Measure:
    measure = Measure(patient=chart, doctor=by, kind=kind, remark=remark)
    if measured_at is not None:
        measure.measured_at = measured_at.astimezone(UTC)  # as it will be read again
    _check_moment(measure)
    measure.reading = _reading(MeasureKind(kind), **given)
    with context.done_by(by):
        measure.save()
    return measure


@transaction.atomic
def correct_measure(*, by: User, measure_id: UUID, expected: int, reason: str, **changes: Any) -> Measure:
    """Correct a measure, and keep what it said as a version. Raises NotFound, ChartRestricted, StaleVersion, Refusal if
    nothing changes, Invalid, and Conflict if it can't be decrypted."""
    versions.lock_chart_for(Measure, by=by, pk=measure_id)
    measure: Measure = versions.get_entry(Measure, by=by, pk=measure_id, for_update=True)
    if is_unreadable(measure, "reading") or is_unreadable(measure, "remark"):
        raise Conflict(UNREADABLE)
    with (
        context.done_by(by),
        versions.amendment(measure, by=by, expected=expected, reason=reason, shape=MeasureShape.to_dict),
    ):
        measure.measured_at = changes.pop("measured_at", measure.measured_at).astimezone(UTC)
        measure.remark = changes.pop("remark", measure.remark)
        _check_moment(measure)
        kept = {name: getattr(measure, name) for name in IN_READING}
        measure.reading = _reading(MeasureKind(measure.kind), **{**kept, **changes})
    return measure


# --- What a measure can say ---------------------------------------------------------------------------------------


def _check_moment(measure: Measure) -> None:
    if measure.measured_at > timezone.now():
        raise Invalid("measuredAt", TO_COME)


def _reading(
    kind: MeasureKind,
    *,
    value: Decimal | None = None,
    diastolic: Decimal | None = None,
    unit: str = "",
    joint: str = "",
    movement: str = "",
    side: str = "",
) -> dict[str, str]:
    """Return what is stored. Raises Invalid, by the name of the field."""
    is_pressure, is_range = kind == MeasureKind.BLOOD_PRESSURE, kind == MeasureKind.RANGE_OF_MOTION
    _check_given("value", value is not None, belongs=True)
    _check_given("diastolic", diastolic is not None, belongs=is_pressure)
    _check_given("joint", bool(joint), belongs=is_range)
    _check_given("movement", bool(movement), belongs=is_range)
    if side and kind not in OF_ONE_SIDE:
        raise Invalid("side", NOT_OF_THIS_KIND)
    unit = unit or next(iter(SPANS[kind]))
    if unit not in SPANS[kind]:
        raise Invalid("unit", OTHER_UNIT)
    reading = {"value": _written("value", value, kind, unit), "unit": str(unit)}
    if diastolic is not None:
        reading["diastolic"] = _written("diastolic", diastolic, kind, unit)
        if value is not None and diastolic >= value:
            raise Invalid("diastolic", UPSIDE_DOWN)
    places = {"joint": joint, "movement": movement, "side": side}
    return reading | {name: str(place) for name, place in places.items() if place}


def _check_given(name: str, is_given: bool, *, belongs: bool) -> None:
    if is_given != belongs:
        raise Invalid(name, NEEDED if belongs else NOT_OF_THIS_KIND)


def _written(name: str, value: Decimal | None, kind: MeasureKind, unit: str) -> str:
    """Return the number as it is stored: `72.5`, `72`."""
    span = SPANS[kind][Unit(unit)]
    if value is None or not span.least <= value <= span.most:
        raise Invalid(name, OUT_OF_SPAN % {"least": span.least, "most": span.most})
    if value != round(value, span.places):
        raise Invalid(name, TOO_MANY_PLACES % {"places": span.places} if span.places else TOO_FINE)
    text = f"{round(value, span.places):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
