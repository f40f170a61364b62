"""What was measured, on the page of a chart, and the form for more: a line for each kind, in the units used last."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils.functional import Promise

from accounts.models import User
from core.permissions import Permission
from patients.models import Patient
from records.measures.series import BRIEF, ChartMeasures, read_series
from records.models.measure import SPANS, Joint, MeasureKind, Movement, Side, Span, Unit

Choices = Sequence[tuple[str, str | Promise]]


class InputLine(NamedTuple):
    """A line of the form."""

    kind: MeasureKind
    units: Choices
    unit: str  # that is offered
    span: Span

    @property
    def step(self) -> str:
        return "1" if self.span.places == 0 else f"0.{'0' * (self.span.places - 1)}1"


def measures_context(*, by: User, chart: Patient) -> dict[str, Any]:
    """Return what the page of an open chart shows of its measures."""
    if not by.can(Permission.READ_RECORDS):
        return {"measures": None}
    shown = read_series(chart, most=BRIEF)
    return {
        "measures": shown,
        "measure_lines": _lines(shown),
        "may_measure": by.can(Permission.WRITE_CLINICAL_FIELDS),
        "joints": Joint.choices,
        "movements": Movement.choices,
        "sides": Side.choices,
    }


def _lines(shown: ChartMeasures) -> list[InputLine]:
    used = {series.latest.kind: series.latest.unit for series in shown.series}
    lines = []
    for kind, spans in SPANS.items():
        unit = used.get(kind) or next(iter(spans)).value
        units = [(each.value, each.label) for each in spans]
        lines.append(InputLine(kind, units, unit, spans[Unit(unit)]))
    return lines
