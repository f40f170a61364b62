"""The problems, medications and allergies on the page of a chart."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.encryption.fields import unreadable_marked
from patients.models import Patient
from records.chart_lists.services import loose_lines
from records.models import ChartEntry
from records.models.chart_entry import ChartEntryStatus, ChartList, Severity

TITLES = {
    ChartList.PROBLEM: _("Problems"),
    ChartList.MEDICATION: _("Medications"),
    ChartList.ALLERGY: _("Allergies"),
}


class ShownList(NamedTuple):
    """A list of a chart. `loose` are the lines of the chart's text that are no entries yet."""

    kind: ChartList
    title: str | Promise
    active: list[ChartEntry]
    ended: list[ChartEntry]
    loose: list[str]

    @property
    def severities(self) -> Sequence[tuple[str, str | Promise]]:
        return Severity.choices


def build_lists(chart: Patient) -> list[ShownList]:
    """Return the lists of a chart that is open."""
    entries = list(ChartEntry.objects.filter(patient=chart).listed().select_related("doctor").order_by("id"))
    with unreadable_marked():
        return [_build_list(chart, kind, [entry for entry in entries if entry.kind == kind]) for kind in ChartList]


def _build_list(chart: Patient, kind: ChartList, entries: list[ChartEntry]) -> ShownList:
    active = [entry for entry in entries if entry.status == ChartEntryStatus.ACTIVE]
    ended = [entry for entry in entries if entry.status == ChartEntryStatus.ENDED]
    return ShownList(kind, TITLES[kind], active, ended, loose_lines(chart, kind, entries))
