"""A chart's measures as series over time: what belongs together, in one unit, and where its line runs."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext

from core.formats import format_date
from patients.models import Patient
from records.models import Measure
from records.models.measure import MeasureKind, Unit, series_title

MOST, BRIEF = 400, 120  # measures that the page of them reads, and that of a chart beside all else
POINTS = 40  # of one line
BRIEF_ROWS = 10  # of a series beside others
WIDTH, HEIGHT, EDGE = 240, 64, 6

PER_UNIT = {  # what one of the first is in the second
    (Unit.POUND, Unit.KILOGRAM): Decimal("0.45359237"),
    (Unit.INCH, Unit.CENTIMETRE): Decimal("2.54"),
}
_ORDER = {kind.value: place for place, kind in enumerate(MeasureKind)}


class Point(NamedTuple):
    x: float
    y: float


class Line(NamedTuple):
    points: list[Point]

    @property
    def path(self) -> str:
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def dots(self) -> str:
        """Return the points as a path of nothing but its ends, which are round."""
        return "".join(f"M{point.x},{point.y}h0" for point in self.points)


class Series(NamedTuple):
    """The measures of one kind, the latest first, and the lines over time, the earliest first."""

    key: str
    title: str | Promise
    rows: list[Measure]
    lines: list[Line]
    text_alternative: str  # what the lines show, for whoever does not see them

    @property
    def brief(self) -> list[Measure]:
        """Return the latest, which the page of all series has room for."""
        return self.rows[:BRIEF_ROWS]

    @property
    def latest(self) -> Measure:
        return self.rows[0]


class ChartMeasures(NamedTuple):
    series: list[Series]
    unreadable: list[Measure]
    are_more: bool


def read_series(chart: Patient, *, most: int = MOST) -> ChartMeasures:
    """Return what was measured, in one query; of very much the latest. The chart is open to whoever reads this."""
    measures = Measure.objects.filter(patient=chart).latest_first()
    shown = measures.only("kind", "measured_at", "reading") if most == BRIEF else measures.select_related("doctor")
    found = list(shown[: most + 1])
    rows = found[:most]
    groups: dict[tuple[str, ...], list[Measure]] = {}
    for row in rows:
        if row.value is not None:
            groups.setdefault(row.series, []).append(row)
    ordered = sorted(groups.items(), key=lambda group: (_ORDER[group[0][0]], group[0]))
    series = [_build(key, group) for key, group in ordered]
    return ChartMeasures(series, [row for row in rows if row.value is None], len(found) > most)


def in_unit(value: Decimal, unit: str, wanted: str) -> Decimal:
    """Return the value in another unit of its kind."""
    if unit == wanted:
        return value
    if (unit, wanted) == (Unit.FAHRENHEIT, Unit.CELSIUS):
        return (value - 32) * 5 / 9
    if (unit, wanted) == (Unit.CELSIUS, Unit.FAHRENHEIT):
        return value * 9 / 5 + 32
    factor = PER_UNIT.get((Unit(unit), Unit(wanted)))
    return value * factor if factor else value / PER_UNIT[Unit(wanted), Unit(unit)]


def _build(key: tuple[Any, ...], rows: list[Measure]) -> Series:
    unit, shown = rows[0].unit, rows[:POINTS][::-1]
    moments = [row.measured_at for row in shown]
    upper = [in_unit(row.value, row.unit, unit) for row in shown if row.value is not None]
    lower = [row.diastolic for row in shown if row.diastolic is not None]
    span = (Decimal(0), Decimal(10)) if key[0] == MeasureKind.PAIN else (min(upper + lower), max(upper + lower))
    lines = [line_of(moments, values, span) for values in (upper, lower) if values]
    title = series_title(key)
    return Series("-".join(part for part in key if part), title, rows, lines, _describe(rows, upper))


def line_of(moments: Sequence[datetime], values: Sequence[Decimal], span: tuple[Decimal, Decimal]) -> Line:
    """Return where the values run in a picture of WIDTH by HEIGHT; `span` is what its foot and top stand for."""
    first, duration = moments[0], (moments[-1] - moments[0]).total_seconds()
    least, range_ = span[0], span[1] - span[0]
    points = []
    for moment, value in zip(moments, values, strict=True):
        along = (moment - first).total_seconds() / duration if duration else 0.5
        up = float((value - least) / range_) if range_ else 0.5
        points.append(
            Point(round(EDGE + along * (WIDTH - 2 * EDGE), 1), round(HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE), 1))
        )
    return Line(points)


def _describe(rows: list[Measure], upper: list[Decimal]) -> str:
    latest, first = rows[0], rows[:POINTS][-1]
    if latest is first:
        return gettext("%(value)s on %(day)s") % {"value": latest.shown_value, "day": format_date(latest.measured_at)}
    lowest, highest = (f"{round(value, 1):f}".rstrip("0").rstrip(".") or "0" for value in (min(upper), max(upper)))
    return gettext(
        "From %(first)s on %(first_day)s to %(latest)s on %(latest_day)s; lowest %(lowest)s, highest %(highest)s"
    ) % {
        "first": first.shown_value,
        "first_day": format_date(first.measured_at),
        "latest": latest.shown_value,
        "latest_day": format_date(latest.measured_at),
        "lowest": lowest,
        "highest": highest,
    }
