"""Pages of reports: takings, revenue, and what is unpaid."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.accounts.pdf import age_labels
from billing.models import Invoice, LedgerEntry, PaymentMethod
from billing.money import label
from billing.reports import figures
from billing.reports.base import REPORTS, Cell, RangeForm, ReportPage, Table, link, reports_of
from billing.reports.figures import BY, PayerOwes, Revenue
from billing.reports.views import days_of
from core.drawing import Drawing, draw
from core.formats import format_day
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission
from core.typed import PickedDateField

MOST_PAYERS, MOST_DRAWN = 100, 20
BY_LABELS = {"day": _("Day"), "month": _("Month"), "doctor": _("Doctor"), "service": _("Service")}


class DayForm(CheckedForm):
    day = PickedDateField(required=False, label=_("Day"))


class RevenueForm(RangeForm):
    by = forms.ChoiceField(required=False, label=_("By"), choices=list(BY_LABELS.items()))


class TakingsPage(ReportPage):
    """What is in the till: the day's payments and refunds, by method."""

    name = "takings"
    needs = REPORTS[name][1]

    def report(self) -> tuple[Table, dict[str, Any]]:
        form = DayForm(self.request.GET)
        day = form.validated_data["day"] or self.request.practice.today()
        taken = figures.takings(day)
        headings = [gettext("Method"), gettext("Received"), gettext("Refunded"), gettext("Left"), gettext("Payments")]
        labels = dict(PaymentMethod.choices)
        rows = [
            self._cells(str(labels[row.method]), day, row.method, row.received, row.refunded, row.payments)
            for row in taken
        ]
        sums = [sum(column) for column in zip(*[row[1:] for row in taken], strict=True)]
        whole = self._cells(gettext("All"), day, None, sums[0], sums[1], sums[2])
        summary = label(sums[0] - sums[1], self.currency)
        heights = [[self.size(row.received), self.size(row.refunded)] for row in taken]
        keys = [("b1", gettext("Received")), ("b4", gettext("Refunded"))]
        names = [str(labels[row.method]) for row in taken]
        drawing = draw(gettext("Takings"), names, heights, keys, summary=summary)
        title = gettext("Takings of %(day)s") % {"day": format_day(day)}
        return Table(headings, rows, whole, drawing), {"title": title, "form": DayForm(initial={"day": day})}

    def _cells(self, name: str, day: date, method: str | None, received: int, refunded: int, number: int) -> list[Cell]:
        def rows(kind: str | None) -> str:
            return link("billing-report-movements", first=day, last=day, kind=kind, method=method)

        return [
            Cell(name),
            self.cell(received, rows("payment")),
            self.cell(refunded, rows("refund")),
            self.cell(received - refunded, rows("payment")),
            Cell(str(number), rows("payment") if number else ""),
        ]


class RevenuePage(ReportPage):
    name = "revenue"
    needs = REPORTS[name][1]

    def report(self) -> tuple[Table, dict[str, Any]]:
        given = RevenueForm(self.request.GET).validated_data
        first, last = days_of(given["first"], given["last"])
        by = given["by"] or "day"
        found = figures.revenue(first, last, by)
        columns = (gettext("Invoiced"), gettext("Credited"), gettext("Paid"), gettext("Refunded"))
        shown = columns if by in BY[:2] else columns[:2]
        rows = [self._cells(row, by, first, last)[: len(shown) + 1] for row in found]
        total = figures.summed(found)
        whole = self._cells(total, by, first, last, is_whole=True)[: len(shown) + 1]
        title = gettext("Revenue, %(first)s to %(last)s") % {"first": format_day(first), "last": format_day(last)}
        form = RevenueForm(initial={"first": first, "last": last, "by": by})
        table = Table([str(BY_LABELS[by]), *shown], rows, whole, self._drawing(found, total, by))
        return table, {"title": title, "form": form}

    def _cells(self, row: Revenue, by: str, first: date, last: date, *, is_whole: bool = False) -> list[Cell]:
        name = gettext("All") if is_whole else name_of(row, by, as_file=self.as_file)
        if isinstance(row.key, date):
            first, last = max(first, row.key), min(last, row.key if by == "day" else figures.month_end(row.key))
        if by in BY[:2] or is_whole:
            kinds = ("charge", "credit_note", "payment", "refund")
            links = [link("billing-report-movements", first=first, last=last, kind=kind) for kind in kinds]
        else:
            links = [link("billing-report-lines", first=first, last=last, by=by, key=row.key)] * 4
        amounts = (row.invoiced, row.credited, row.paid, row.refunded)
        return [Cell(name), *(self.cell(amount, to) for amount, to in zip(amounts, links, strict=True))]

    def _drawing(self, found: list[Revenue], total: Revenue, by: str) -> Drawing:
        amount, title = (total.paid, gettext("Paid")) if by in BY[:2] else (total.invoiced, gettext("Invoiced"))
        heights = [[self.size(row.paid if by in BY[:2] else row.invoiced)] for row in found]
        names = [name_of(row, by, is_short=True) for row in found]
        return draw(title, names, heights, [("b1", title)], summary=label(amount or 0, self.currency))


def name_of(row: Revenue, by: str, *, is_short: bool = False, as_file: bool = False) -> str:
    if not isinstance(row.key, date):
        return row.name
    if as_file:
        return format_day(row.key, "SHORT_DATE_FORMAT" if by == "day" else "SHORT_MONTH_FORMAT")
    if by == "month":
        return format_day(row.key, "SHORT_MONTH_FORMAT" if is_short else "YEAR_MONTH_FORMAT")
    return format_day(row.key, "MONTH_DAY_FORMAT" if is_short else "DATE_FORMAT")


class UnpaidPage(ReportPage):
    name = "unpaid"
    needs = REPORTS[name][1]

    def report(self) -> tuple[Table, dict[str, Any]]:
        ages, labels = figures.unpaid(self.request.practice.today()), age_labels()
        rows = [
            [Cell(labels[name]), self.cell(amount, link("billing-report-open", age=name))]
            for name, amount in ages.items()
        ]
        total = sum(ages.values())
        whole = [Cell(gettext("All")), self.cell(total, link("billing", status="unpaid"))]
        title = gettext("Unpaid")
        heights = [[self.size(amount)] for amount in ages.values()]
        drawing = draw(title, list(labels.values()), heights, [("b2", title)], summary=label(total, self.currency))
        return Table([gettext("Age of the invoice"), gettext("Open")], rows, whole, drawing), {"title": title}


class PayersPage(ReportPage):
    """What is unpaid by who pays it: insurers, guarantors, and the patients themselves."""

    name = "payers"
    needs = REPORTS[name][1]
    named: Sequence[Invoice] = ()

    def report(self) -> tuple[Table, dict[str, Any]]:
        found = figures.unpaid_by_payer(self.request.practice.today(), by=self.user)
        shown, others = found[:MOST_PAYERS], found[MOST_PAYERS:]
        invoices = Invoice.objects.select_related("patient").in_bulk([row.example for row in shown if row.example])
        self.named = list(invoices.values())
        names = [self._name(row, invoices) for row in shown]
        rows = [
            self._cells(name, row.ages, {"payer": row.payer.hex() if row.payer else ""})
            for row, name in zip(shown, names, strict=True)
        ]
        if others:
            rows.append(self._cells(gettext("Others"), _summed(others)))
        sums = _summed(found)
        whole = self._cells(gettext("All"), sums, {})
        title = gettext("Unpaid by payer")
        heights = [[self.size(row.total)] for row in shown[:MOST_DRAWN]]
        total = label(sum(sums.values()), self.currency)
        drawing = draw(title, names[:MOST_DRAWN], heights, [("b2", gettext("Open"))], summary=total)
        headings = [gettext("Payer"), *age_labels().values(), gettext("Open")]
        return Table(headings, rows, whole, drawing), {"title": title}

    def _name(self, row: PayerOwes, invoices: dict[UUID, Invoice]) -> str:
        if row.payer is None:
            return gettext("Patients themselves")
        return invoices[row.example].payer_name if row.example else gettext("Payer in closed charts")

    def _cells(self, name: str, ages: dict[str, int], which: dict[str, str] | None = None) -> list[Cell]:
        amounts = [*ages.items(), ("", sum(ages.values()))]
        addresses = ["" if which is None else link("billing-report-open", age=age, **which) for age, _sum in amounts]
        return [Cell(name), *(self.cell(sum_, to) for (_age, sum_), to in zip(amounts, addresses, strict=True))]

    def read(self, rows: Any, **details: Any) -> None:
        super().read([*rows, *self.named], **details)


def _summed(payers: list[PayerOwes]) -> dict[str, int]:
    return {name: sum(row.ages[name] for row in payers) for name in [*age_labels()]}


PAGES = {page.name: page for page in (TakingsPage, RevenuePage, UnpaidPage, PayersPage)}


class ReportsPage(WorkPage):
    """The reports that this person may open."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = LedgerEntry._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read([])
        return render(request, "billing/reports/index.html", {"reports": reports_of(self.user)})
