"""Who saw a chart between two days: as a page, as a table for a spreadsheet, and printed."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from audit.models import Event
from audit_review.accesses import EVENTS_PER_PART, accesses_to
from audit_review.entries import entries
from audit_review.rows import TrailRow
from core.csv_files import csv_response, in_this_context
from core.errors import Invalid
from core.formats import format_datetime, format_day
from core.forms import LATEST, DaysForm
from core.typed import PickedDateField
from dashboard.privacy.base import PrivacyPage
from patients.models import ChartStatus, Patient
from records.plans.pdf import patient_label
from records.printing import Document
from records.printing.fonts import BOLD

SHOWN, PRINTED, DEFAULT_DAYS = 200, 5_000, 30
HEADINGS = (_("When"), _("Who"), _("Role"), _("What"), _("Outcome"), _("Address"), _("Device"))


class AccessDaysForm(DaysForm):
    latest = LATEST - timedelta(days=1)  # events are asked for until the day after
    first = PickedDateField(label=_("From"))
    last = PickedDateField(label=_("To"))


class AccessesPage(PrivacyPage):
    about = Patient._meta.label

    def chart(self, patient_id: UUID) -> Patient:
        """Return the chart, deleted, declined or neither; one that was merged is told with the other. Raises
        NotFound."""
        charts = Patient.with_deleted.exclude(status=ChartStatus.MERGED)
        chart: Patient = charts.get_or_refuse(pk=patient_id)
        return chart

    def days_form(self) -> AccessDaysForm:
        today: date = self.request.practice.today()
        days = {"first": today - timedelta(days=DEFAULT_DAYS), "last": today}
        given = {name: self.request.GET[name] for name in days if name in self.request.GET}
        return AccessDaysForm({**{name: day.isoformat() for name, day in days.items()}, **given})

    def days(self) -> tuple[date, date]:
        """Return the days that a file is asked for. Raises Invalid."""
        form = self.days_form()
        for name, errors in form.errors.items():
            raise Invalid(name, str(errors[0]))
        return form.cleaned_data["first"], form.cleaned_data["last"]

    def events(self, chart: Patient, first: date, last: date) -> Iterator[Event]:
        practice = self.request.practice
        return accesses_to(chart, start=practice.day_bounds(first)[0], end=practice.day_bounds(last)[1])


class Accesses(AccessesPage):
    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        chart, form = self.chart(patient_id), self.days_form()
        rows: list[TrailRow] = []
        if form.is_valid():
            first, last = form.cleaned_data["first"], form.cleaned_data["last"]
            rows = rows_of(islice(self.events(chart, first, last), SHOWN + 1))
        filters = {"first": first.isoformat(), "last": last.isoformat()} if form.is_valid() else {}
        self.read([chart], about_id=chart.pk, kind=AuditEvent.ACCESSES_READ, hits=len(rows[:SHOWN]), filters=filters)
        context = {
            "tab": "requests",
            "chart": chart,
            "form": form,
            "rows": rows[:SHOWN],
            "people": sorted({row.who for row in rows}),
            "are_more": len(rows) > SHOWN,
            "query": urlencode(filters),
        }
        return render(request, "dashboard/privacy/accesses.html", context)


class AccessesFile(AccessesPage):
    def get(self, request: HttpRequest, patient_id: UUID) -> Any:
        chart, (first, last) = self.chart(patient_id), self.days()
        self._note(chart, first, last)
        events = self.events(chart, first, last)
        return csv_response(f"accesses-{first}-{last}.csv", HEADINGS, in_this_context(_parts(events)))

    def _note(self, chart: Patient, first: date, last: date) -> None:
        filters = {"first": first.isoformat(), "last": last.isoformat()}
        self.read([chart], about_id=chart.pk, kind=AuditEvent.LIST_EXPORTED, filters=filters)


class AccessesPrint(AccessesFile):
    def get(self, request: HttpRequest, patient_id: UUID) -> Any:
        chart, (first, last) = self.chart(patient_id), self.days()
        self._note(chart, first, last)
        rows = rows_of(islice(self.events(chart, first, last), PRINTED + 1))
        printed = report(chart, rows, first, last, practice=self.request.practice, by=self.user)
        headers = {
            "Content-Disposition": f'inline; filename="accesses-{first}-{last}.pdf"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(printed, content_type="application/pdf", headers=headers)


def rows_of(events: Iterable[Event]) -> list[TrailRow]:
    return [TrailRow(entry, [], 0) for entry in entries(events)]


def _parts(events: Iterator[Event]) -> Iterator[list[list[Any]]]:
    while some := list(islice(events, EVENTS_PER_PART)):
        yield [
            [
                timezone.localtime(row.entry.event.at).isoformat(timespec="seconds"),
                *(row.who, row.role, row.entry.label, row.outcome, row.entry.event.address, row.entry.event.agent),
            ]
            for row in rows_of(some)
        ]


def report(chart: Patient, rows: list[TrailRow], first: date, last: date, *, practice: Any, by: Any) -> bytes:
    """Return the report as a PDF: first who, then each access. It says so if there are more than it holds."""
    printed = BytesIO()
    born = None if chart.is_closed else chart.date_of_birth  # of a restricted chart the name alone
    about = patient_label(chart.name, born.isoformat() if born else None)
    document = Document(printed, title=gettext("Who saw this chart"), about=about, practice=practice, by=by)
    document.text(
        gettext("From %(first)s to %(last)s") % {"first": format_day(first), "last": format_day(last)}, weight=BOLD
    )
    if len(rows) > PRINTED:
        document.text(gettext("This is not all: the rest is in the CSV file. Choose fewer days to print them."))
    document.section(gettext("People"))
    counts: dict[tuple[str, str], int] = {}
    for row in rows[:PRINTED]:
        counts[row.who, row.role] = counts.get((row.who, row.role), 0) + 1
    for (who, role), number in sorted(counts.items()):
        document.row(f"{who}, {role}" if role else who, str(number))
    document.section(gettext("Each access"))
    for row in rows[:PRINTED]:
        document.text(f"{format_datetime(row.entry.event.at)}: {row.who}", weight=BOLD)
        details = [row.entry.label, row.outcome, row.entry.event.address]
        document.small(", ".join(filter(None, map(str, details))))
    if not rows:
        document.text(gettext("Nobody has opened this chart on these days."))
    document.close()
    return printed.getvalue()
