"""The practice's numbers with pictures, each of which leads to its rows."""

from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from appointments.calendar.links import day_address
from appointments.models import Appointment
from audit.events import AuditEvent
from core.csv_files import csv_response
from core.drawing import Drawing, draw
from core.formats import format_day
from core.forms import DaysForm
from core.pages import WorkPage
from core.permissions import Permission
from dashboard.numbers.figures import Week, days_of, monday_of, owed_visits, summed, weeks_of
from patients.restriction.services import resolve_access

OWED_SHOWN = 200
APPOINTMENTS, PATIENTS = "admin:appointments_appointment_changelist", "admin:patients_patient_changelist"
HEADINGS = (
    gettext_lazy("Week of"),
    gettext_lazy("Visits"),
    gettext_lazy("Completed"),
    gettext_lazy("Scheduled"),
    gettext_lazy("Cancelled"),
    gettext_lazy("No-shows"),
    gettext_lazy("No-show rate"),
    gettext_lazy("New patients"),
    gettext_lazy("Notes unsigned"),
    gettext_lazy("Working hours booked"),
)


class Cell(NamedTuple):
    value: str
    address: str = ""


class NumbersPage(WorkPage):
    needs = Permission.SEE_NUMBERS
    about = Appointment._meta.label

    def requested_days(self) -> tuple[DaysForm, date, date]:
        """Return the form, and the days that it asks for or those of the last weeks."""
        today = self.request.practice.today()
        form = DaysForm(self.request.GET or None)
        given = form.cleaned_data if form.is_valid() else {}
        first, last = days_of(today, given.get("first"), given.get("last"))
        form.initial = {"first": monday_of(first), "last": last}
        return form, first, last


class Numbers(NumbersPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        form, first, last = self.requested_days()
        self.read([])
        weeks = weeks_of(request.practice, first, last)  # type: ignore[attr-defined]
        context = {
            "form": form,
            "first": monday_of(first),
            "last": weeks[-1].last,
            "drawings": _drawings(weeks),
            "headings": HEADINGS,
            "rows": [_cells(week) for week in weeks],
            "whole": _cells(summed(weeks), last=weeks[-1].last),
            "query": urlencode({"first": first, "last": last}),
        }
        return render(request, "dashboard/numbers/numbers.html", context)


class NumbersFile(NumbersPage):
    def get(self, request: HttpRequest) -> Any:
        _form, first, last = self.requested_days()
        weeks = weeks_of(request.practice, first, last)  # type: ignore[attr-defined]
        self.read([], kind=AuditEvent.LIST_EXPORTED, count=len(weeks))
        days = [format_day(week.first, "SHORT_DATE_FORMAT") for week in weeks]
        rows = [[day, *(cell.value for cell in _cells(week)[1:])] for day, week in zip(days, weeks, strict=True)]
        return csv_response(f"numbers-{first}-{last}.csv", HEADINGS, rows)


class OwedVisits(NumbersPage):
    """The visits that nothing signed tells of."""

    def get(self, request: HttpRequest) -> HttpResponse:
        _form, first, last = self.requested_days()
        practice = request.practice  # type: ignore[attr-defined]
        start, end = practice.day_bounds(first)[0], practice.day_bounds(last)[1]
        visits: Any = owed_visits(start, end)
        rows = list(visits.with_people().with_offices().order_by("starts_at", "id")[: OWED_SHOWN + 1])
        self.read(rows[:OWED_SHOWN], hits=len(rows[:OWED_SHOWN]))
        resolve_access(self.user, [row.patient for row in rows])
        context = {
            "rows": [(row, day_address(row)) for row in rows[:OWED_SHOWN]],
            "are_more": len(rows) > OWED_SHOWN,
            "first": first,
            "last": last,
            "doctors": User.objects.doctors().count(),
        }
        return render(request, "dashboard/numbers/owed.html", context)


def _cells(week: Week, last: date | None = None) -> list[Cell]:
    """Return a row of the table; each figure leads to the rows that it counts."""
    days = {"days": f"{week.first}..{last or week.last}"}

    def visits(**filters: str) -> str:
        return f"{reverse(APPOINTMENTS)}?{urlencode({**days, **filters})}"

    owed = f"{reverse('numbers-owed')}?{urlencode({'first': week.first, 'last': last or week.last})}"
    return [
        Cell(format_day(week.first)),
        Cell(str(week.visits), visits()),
        Cell(str(week.completed), visits(status__exact="completed")),
        Cell(str(week.scheduled), visits(status__exact="scheduled", came="not-no")),
        Cell(str(week.cancelled), visits(status__exact="cancelled", came="not-no")),
        Cell(str(week.no_shows), visits(came="no")),
        Cell(_percent(week.no_show_rate), visits(came="no")),
        Cell(str(week.new_patients), f"{reverse(PATIENTS)}?{urlencode({**days, 'status__exact': 'confirmed'})}"),
        Cell(str(week.owed), owed),
        Cell(_percent(week.utilisation), visits()),
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} %"


def _drawings(weeks: list[Week]) -> list[Drawing]:
    names = [format_day(week.first, "MONTH_DAY_FORMAT") for week in weeks]
    whole = summed(weeks)
    states = [("b1", _("Completed")), ("b2", _("Scheduled")), ("b3", _("Cancelled")), ("b4", _("No-shows"))]
    counted = [[week.completed, week.scheduled, week.cancelled, week.no_shows] for week in weeks]

    def one(title: str, css: str, values: list[float | None], summary: str, unit: str = "") -> Drawing:
        rows = [[value or 0.0] for value in values]
        return draw(title, names, rows, [(css, title)], summary=summary, unit=unit)

    return [
        draw(
            _("Visits by week"), names, [list(map(float, row)) for row in counted], states,
            summary=_("%(number)d visits") % {"number": whole.visits},
        ),
        one(_("New patients"), "b1", [week.new_patients for week in weeks],
            _("%(number)d new patients") % {"number": whole.new_patients}),
        one(_("No-show rate"), "b4", [week.no_show_rate for week in weeks],
            _("%(percent)s of those who were to come") % {"percent": _percent(whole.no_show_rate) or "0 %"}, " %"),
        one(_("Working hours booked"), "b1", [week.utilisation for week in weeks],
            _("%(percent)s of the working hours") % {"percent": _percent(whole.utilisation) or "0 %"}, " %"),
        one(_("Notes unsigned"), "b2", [week.owed for week in weeks],
            _("%(number)d visits without a signed note") % {"number": whole.owed}),
    ]  # fmt: skip
