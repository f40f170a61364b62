"""What a doctor's own visits brought, as a page."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.closed_charts import not_closed
from billing.money import label
from billing.own_revenue.services import check_allowed
from billing.report_rows.pages import SHOWN_OF_LINE, LinesPage
from billing.reports import figures
from billing.reports.base import Cell, RangeForm, ReportPage, Table, link
from billing.reports.figures import BY_OWN, Revenue
from billing.reports.pages import BY_LABELS, name_of
from billing.reports.views import days_of
from core.drawing import draw
from core.formats import format_day
from core.forms import as_uuid
from core.permissions import Permission


class OwnForm(RangeForm):
    by = forms.ChoiceField(
        required=False, label=_("By"), choices=[(by, title) for by, title in BY_LABELS.items() if by in BY_OWN]
    )


class OwnRevenuePage(ReportPage):
    needs = Permission.READ_OWN_REVENUE
    name = "own"

    def report(self) -> tuple[Table, dict[str, Any]]:
        check_allowed()
        given = OwnForm(self.request.GET).validated_data
        first, last = days_of(given["first"], given["last"])
        by = given["by"] or "day"
        found = figures.revenue_of(self.user, first, last, by)
        total = figures.summed(found)
        rows = [self._cells(row, by, first, last) for row in found]
        whole = self._cells(total, "", first, last)
        title = gettext("My revenue, %(first)s to %(last)s") % {"first": format_day(first), "last": format_day(last)}
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
        given = RangeForm(self.request.GET).validated_data
        first, last = days_of(given["first"], given["last"])
        which: dict[str, Any] = {"doctor": self.user.pk}
        if "service" in self.request.GET:
            which["service"] = as_uuid(self.request.GET["service"])
        found = figures.lines(first, last, **which).only(*SHOWN_OF_LINE)
        said = {"first": format_day(first), "last": format_day(last)}
        title = gettext("Billed for your visits, %(first)s to %(last)s") % said
        return title, not_closed(found, self.user, "line__invoice__patient")

    def cells(self, row: Any) -> list[Cell]:
        date_cell, _invoice, patient, service, amount = super().cells(row)
        return [date_cell, Cell(patient.value), service, amount]
