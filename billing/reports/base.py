"""What pages of reports have in common: a table of which each figure leads to its rows, a picture of it, and the same
as a file."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from billing.models import LedgerEntry
from billing.money import label, to_decimal, to_text
from core.csv_files import csv_response
from core.drawing import Drawing
from core.errors import Invalid
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission
from core.typed import PickedDateField
from practices.services import current_practice

REPORTS = {  # title, and who may open it
    "takings": (_("Takings"), Permission.TAKE_PAYMENTS),
    "revenue": (_("Revenue"), Permission.MANAGE_BILLING),
    "unpaid": (_("Unpaid by age"), Permission.READ_BILLING),
    "payers": (_("Unpaid by payer"), Permission.READ_BILLING),
}


class Cell(NamedTuple):
    value: str
    address: str = ""


class Table(NamedTuple):
    """A report: rows of figures, each below one of the headings; the first cell of a row is its name."""

    headings: list[str]
    rows: list[list[Cell]]
    whole: list[Cell]
    drawing: Drawing


class RangeForm(CheckedForm):
    first = PickedDateField(required=False, label=_("From"))
    last = PickedDateField(required=False, label=_("To"))


def reports_of(user: Any) -> list[tuple[str, str, str]]:
    """Return name, address and title of each report that this person may open. Visits, no-shows, new patients and how
    full the calendar is are on the page of the practice's numbers."""
    found: list[tuple[str, str, Any]] = [
        (name, reverse(f"billing-report-{name}"), title) for name, (title, needs) in REPORTS.items() if user.can(needs)
    ]
    if user.can(Permission.READ_OWN_REVENUE) and current_practice().doctors_see_revenue:
        found.append(("own", reverse("billing-report-own"), gettext("My revenue")))
    if user.can(Permission.SEE_NUMBERS):
        found.append(("numbers", reverse("numbers"), gettext("Visits, no-shows, new patients")))
    if user.can(Permission.READ_BILLING):
        found.append(("credit", reverse("billing-report-credit"), gettext("Credit of patients")))
        found.append(("invoices", reverse("billing"), gettext("Invoices")))
    return found


def link(name: str, **query: Any) -> str:
    return f"{reverse(name)}?{urlencode({key: value for key, value in query.items() if value is not None})}"


class ReportPage(WorkPage):
    """A report, or with `as_file` the same as a file."""

    http_method_names = ["get", "head"]
    about = LedgerEntry._meta.label
    as_file = False
    name: str
    template = "billing/reports/report.html"

    @property
    def currency(self) -> str:
        return str(self.request.practice.currency)

    def cell(self, minor: int | None, address: str = "") -> Cell:
        """Return an amount: as people read it, or in a file as programs do."""
        if minor is None:
            return Cell("")
        shown = to_text(minor, self.currency) if self.as_file else label(minor, self.currency)
        return Cell(shown, address if minor else "")

    def size(self, minor: int | None) -> float:
        """Return how high an amount is drawn."""
        return max(0.0, float(to_decimal(minor or 0, self.currency)))

    def report(self) -> tuple[Table, dict[str, Any]]:
        """Return the report, and what else the page shows. Raises Invalid."""
        raise NotImplementedError

    def get(self, request: HttpRequest) -> HttpResponseBase:
        try:
            table, shown = self.report()
        except Invalid as invalid:
            return self.wrong(invalid)
        if self.as_file:
            rows = [[cell.value for cell in row] for row in [*table.rows, table.whole]]
            self.read([], kind=AuditEvent.LIST_EXPORTED, count=len(rows))
            return csv_response(f"{self.name}.csv", table.headings, rows)
        self.read([])
        address = f"{reverse(f'billing-report-{self.name}-file')}?{request.GET.urlencode()}"
        context = {"table": table, "drawing": table.drawing, "file": address, "current": self.name, **shown}
        return render(request, self.template, {**context, "reports": reports_of(self.user)})

    def wrong(self, invalid: Invalid) -> HttpResponse:
        self.read([])
        context = {"mistake": invalid.message, "reports": reports_of(self.user), "title": gettext("Reports")}
        return render(self.request, self.template, context, status=400)
