"""A body chart as it is drawn: each region with what is marked there, and the marks in words."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from accounts.models import User
from patients.models import Patient
from records.body_charts.regions import HEIGHT, REGIONS, VIEWS, WIDTH, Region
from records.models import BodyChart, SessionNote
from records.models.body_chart import Sensation

MOST = 24  # that a page shows


class DrawnRegion(NamedTuple):
    region: Region
    marks: list[dict[str, Any]]

    @property
    def depth(self) -> int:
        """How strong it is, from 0 for no mark to 4."""
        return max((1 + min(int(mark["level"]), 9) // 3 for mark in self.marks), default=0)

    @property
    def at(self) -> tuple[str, ...]:
        """Return x, y, width, height and radius as SVG writes them."""
        return tuple(f"{number:g}" for number in self.region.shape)


class Figure(NamedTuple):
    view: str
    title: str | Promise
    regions: list[DrawnRegion]

    @property
    def box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def shapes(self) -> SafeString:
        """Return the regions in SVG. Not a template: a figure has too many parts for one."""
        return format_html_join(
            "\n",
            '<rect x="{}" y="{}" width="{}" height="{}" rx="{}" class="depth-{}" data-region="{}">'
            "<title>{}</title></rect>",
            ((*drawn.at, drawn.depth, drawn.region.key, drawn.region.name) for drawn in self.regions),
        )


class Drawing(NamedTuple):
    """What a page shows of a body chart; `row` is None for one that is being drawn."""

    row: BodyChart | None
    figures: list[Figure]
    said: list[str]


def figures_of(marks: Iterable[dict[str, Any]]) -> list[Figure]:
    by_region: dict[str, list[dict[str, Any]]] = {}
    for mark in marks:
        by_region.setdefault(mark["region"], []).append(mark)
    return [
        Figure(
            view,
            title,
            [DrawnRegion(region, by_region.get(key, [])) for key, region in REGIONS.items() if region.view == view],
        )
        for view, title in VIEWS.items()
    ]


def in_words(marks: Iterable[dict[str, Any]]) -> list[str]:
    """Return `Lower back (back): pain, 7 of 10`, the strongest first."""
    ordered = sorted(marks, key=lambda mark: (-mark["level"], mark["region"]))
    return [
        gettext("%(region)s: %(sensation)s, %(level)s of 10")
        % {
            "region": REGIONS[mark["region"]].full_name,
            "sensation": str(Sensation(mark["sensation"]).label).lower(),
            "level": mark["level"],
        }
        for mark in ordered
        if mark["region"] in REGIONS
    ]


def drawn(row: BodyChart) -> Drawing:
    return Drawing(row, figures_of(row.mark_list), in_words(row.mark_list))


def drawings_of(chart: Patient, *, by: User, most: int = MOST) -> list[Drawing]:
    """Return the body charts of a chart that is open to `by`, the latest first."""
    rows = BodyChart.objects.readable_by(by).filter(patient=chart).select_related("doctor").latest_first()
    return [drawn(row) for row in rows[:most]]


def drawings_with(note: SessionNote, *, by: User) -> list[Drawing]:
    """Return what was drawn with a note."""
    if not note.version:
        return []
    rows = BodyChart.objects.readable_by(by).filter(note=note).select_related("doctor").latest_first()
    return [drawn(row) for row in rows[:MOST]]
