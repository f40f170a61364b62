"""Where reports begin, and what a doctor's own visits brought, where the practice lets doctors see it."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import LedgerEntry
from billing.money import label, to_text
from billing.reports import figures
from billing.reports.figures import BY_OWN, Revenue
from billing.reports.pages import BY_LABELS, Cell, LinesPage, RangeForm, ReportPage, Table, link, name_of, reports_of
from billing.reports.serializers import OwnRevenueQuery, OwnRevenueShape
from billing.reports.views import days_of
from core.api.schema import extend_schema
from core.api.views import ApiView
from core.drawing import draw
from core.errors import Forbidden
from core.forms import as_uuid
from core.pages import WorkPage
from core.permissions import Permission
from patients.restriction.services import inaccessible_to
from practices.services import current_practice

NOT_SHOWN = _("Your practice doesn't show doctors their revenue.")


def check_allowed() -> None:
    """Raise Forbidden where the practice does not let doctors see their revenue."""
    if not current_practice().doctors_see_revenue:
        raise Forbidden(NOT_SHOWN)


class ReportsPage(WorkPage):
    """The reports that this person may open."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = LedgerEntry._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read([])
        return render(request, "billing/reports/index.html", {"reports": reports_of(self.user)})


class OwnForm(RangeForm):
    by = forms.ChoiceField(
        required=False, label=_("By"), choices=[(by, title) for by, title in BY_LABELS.items() if by in BY_OWN]
    )


class OwnRevenuePage(ReportPage):
    needs = Permission.READ_OWN_REVENUE
    name = "own"

    def report(self) -> tuple[Table, dict[str, Any]]:
        check_allowed()
        given = OwnForm(self.request.GET).given
        first, last = days_of(given["first"], given["last"])
        by = given["by"] or "day"
        found = figures.revenue_of(self.user, first, last, by)
        total = figures.summed(found)
        rows = [self._cells(row, by, first, last) for row in found]
        whole = self._cells(total, "", first, last)
        title = gettext("My revenue, %(first)s to %(last)s") % {"first": date_format(first), "last": date_format(last)}
        invoiced = gettext("Invoiced")
        drawing = draw(
            invoiced,
            [name_of(row, by, is_short=True) for row in found],
            [[self.size(row.invoiced)] for row in found],
            [("b1", invoiced)],
            summary=label(total.invoiced, self.currency),
        )
        form = OwnForm(initial={"first": first, "last": last, "by": by})
        headings = [str(BY_LABELS[by]), invoiced, gettext("Credited")]
        return Table(headings, rows, whole, drawing), {"title": title, "form": form}

    def _cells(self, row: Revenue, by: str, first: date, last: date) -> list[Cell]:
        name = name_of(row, by, as_file=self.as_file) if by else gettext("All")
        if isinstance(row.key, date):
            first, last = max(first, row.key), min(last, row.key if by == "day" else figures.month_end(row.key))
        of_service = {"service": row.key or ""} if by == "service" else {}
        to = link("billing-report-own-lines", first=first, last=last, **of_service)
        return [Cell(name), self.cell(row.invoiced, to), self.cell(row.credited, to)]


class OwnLinesPage(LinesPage):
    """The lines of a doctor's own visits, for them: without the invoices, which are not theirs to open."""

    needs = Permission.READ_OWN_REVENUE
    headings = (_("Date"), _("Patient"), _("Service"), _("Amount"))

    def rows(self) -> tuple[str, Any]:
        check_allowed()
        given = RangeForm(self.request.GET).given
        first, last = days_of(given["first"], given["last"])
        found: Any = figures.lines(first, last, by="doctor", key=self.user.pk)
        if "service" in self.request.GET:
            found = found.filter(issued__service=as_uuid(self.request.GET["service"]))
        closed = inaccessible_to(self.user).values("pk")
        found = found.filter(invoice__patient__deletion=None).exclude(invoice__patient__in=closed)
        said = {"first": date_format(first), "last": date_format(last)}
        return gettext("Billed for your visits, %(first)s to %(last)s") % said, found

    def cells(self, row: Any) -> list[Cell]:
        date_cell, _invoice, patient, service, amount = super().cells(row)
        return [date_cell, Cell(patient.value), service, amount]


class OwnRevenue(ApiView):
    permissions = {"GET": Permission.READ_OWN_REVENUE}

    @extend_schema(
        parameters=[OwnRevenueQuery],
        responses={200: OwnRevenueShape},
        summary="What a doctor's own visits brought",
        description="Only where the practice's `doctorsSeeRevenue` is on. What was invoiced and credited, without what "
        "was paid: payments are put towards invoices, not towards their lines.",
    )
    def get(self, request: Request) -> Response:
        check_allowed()
        query = self.checked_query(OwnRevenueQuery)
        first, last = days_of(query.get("first"), query.get("last"))
        rows, currency = figures.revenue_of(self.caller, first, last, query["by"]), current_practice().currency
        total = figures.summed(rows)
        shown = [{"key": _text(row.key), "name": row.name, **_sums(row, currency)} for row in rows]
        head = {"from": first, "to": last, "by": query["by"], "currency": currency}
        return Response({**head, "total": _sums(total, currency), "rows": shown})


def _text(key: date | UUID | None) -> str | None:
    return str(key) if key else None


def _sums(row: Revenue, currency: str) -> dict[str, str]:
    return {"invoiced": to_text(row.invoiced, currency), "credited": to_text(row.credited, currency)}
