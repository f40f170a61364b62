"""Pages of reports: a picture, a table of which each figure leads to its rows, and the same as a file."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from billing.accounts.pdf import age_labels, describe
from billing.closed_charts import not_closed
from billing.models import (
    DocumentKind,
    EntryKind,
    Invoice,
    InvoiceLine,
    IssuedLine,
    LedgerEntry,
    LeftAmount,
    OpenAmount,
    PaymentMethod,
)
from billing.money import label, to_decimal, to_text
from billing.reports import figures
from billing.reports.figures import BY, PayerOwes, Revenue
from billing.reports.views import days_of
from core.api.pagination import Page
from core.csv_files import csv_response, in_this_context
from core.drawing import Drawing, draw
from core.errors import Invalid
from core.formats import format_day
from core.forms import CheckedForm, as_uuid
from core.pages import WorkPage
from core.permissions import Permission
from core.typed import PickedDateField
from practices.services import current_practice

SHOWN, AT_ONCE = 50, 500
MOST_PAYERS, MOST_DRAWN = 100, 20
BY_LABELS = {"day": _("Day"), "month": _("Month"), "doctor": _("Doctor"), "service": _("Service")}


class Cell(NamedTuple):
    value: str
    address: str = ""


class Table(NamedTuple):
    """A report: rows of figures, each below one of the headings; the first cell of a row is its name."""

    headings: list[str]
    rows: list[list[Cell]]
    whole: list[Cell]
    drawing: Drawing


class DayForm(CheckedForm):
    day = PickedDateField(required=False, label=_("Day"))


class RangeForm(CheckedForm):
    first = PickedDateField(required=False, label=_("From"))
    last = PickedDateField(required=False, label=_("To"))


class RevenueForm(RangeForm):
    by = forms.ChoiceField(required=False, label=_("By"), choices=list(BY_LABELS.items()))


class RowsForm(RangeForm):
    kind = forms.ChoiceField(required=False, choices=EntryKind.choices)
    method = forms.ChoiceField(required=False, choices=PaymentMethod.choices)


class LinesForm(RangeForm):
    by = forms.ChoiceField(choices=[(by, by) for by in BY[2:]])


class OpenForm(CheckedForm):
    age = forms.ChoiceField(required=False, choices=lambda: list(age_labels().items()))
    payer = forms.RegexField(r"^[0-9a-f]{64}$", required=False)


def _of(path: str, *names: str) -> list[str]:
    return [f"{path}__{name}" for name in names]


# What rows of lists show: what is encrypted and not shown is not decrypted.
NUMBER, CHART = ("kind", "year", "sequence"), ("name", "restricted")
SHOWN_OF_ENTRY = (
    *("practice", "kind", "amount", "currency", "booked_on", "method", "payment"),
    *(_of("invoice", *NUMBER) + _of("patient", *CHART)),
)
SHOWN_OF_OPEN = (
    *("practice", "issued_on", "amount"),
    *(_of("invoice", *NUMBER, "currency", "patient_name") + _of("invoice__patient", "restricted")),
)
SHOWN_OF_LINE = (
    *("practice", "issued_on", "kind", "total", "line__description"),
    *(_of("line__invoice", *NUMBER, "currency", "patient_name") + _of("line__invoice__patient", "restricted")),
)
SHOWN_OF_CREDIT = (
    *("practice", "received_on", "amount"),
    *(_of("payment", "kind", "method", "currency") + _of("payment__patient", *CHART)),
)


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


class TakingsPage(ReportPage):
    """What is in the till: the day's payments and refunds, by method."""

    needs = Permission.TAKE_PAYMENTS
    name = "takings"

    def report(self) -> tuple[Table, dict[str, Any]]:
        form = DayForm(self.request.GET)
        day = form.given["day"] or self.request.practice.today()
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
    needs = Permission.MANAGE_BILLING
    name = "revenue"

    def report(self) -> tuple[Table, dict[str, Any]]:
        given = RevenueForm(self.request.GET).given
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
    needs = Permission.READ_BILLING
    name = "unpaid"

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

    needs = Permission.READ_BILLING
    name = "payers"
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


# --- The rows behind a figure -----------------------------------------------------------------------------------------


class RowsPage(WorkPage):
    """The rows that a figure sums up. Sums count those of closed charts, too; the list leaves these out."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    template = "billing/reports/rows.html"
    headings: tuple[Any, ...] = ()
    nothing: Any = _("Nothing in these days. Go back to the report and choose others.")

    def rows(self) -> tuple[str, Any]:
        """Return the title and the rows. Raises Invalid."""
        raise NotImplementedError

    def cells(self, row: Any) -> list[Cell]:
        raise NotImplementedError

    def about_rows(self, rows: list[Any]) -> list[Any]:
        """Return the rows whose patients are shown."""
        return rows

    def get(self, request: HttpRequest) -> HttpResponseBase:
        title, found = self.rows()
        page = Page(page=1, limit=SHOWN, cursor=request.GET.get("cursor", ""))  # nothing is counted, nothing skipped
        rows = page.rows(found)
        self.read(self.about_rows(rows), kind=AuditEvent.PAYMENTS_LISTED, hits=len(rows))
        query = request.GET.copy()
        query.pop("cursor", None)
        shown = [self.cells(row) for row in rows]
        context: dict[str, Any] = {
            "title": title,
            "headings": self.headings,
            "rows": shown,
            "nothing": self.nothing,
            "query": query.urlencode(),
            "reports": reports_of(self.user),
            "following": page.next["next"],
            "is_first": not request.GET.get("cursor"),
        }
        if isinstance(self, MovementsPage):
            context["file"] = reverse("billing-report-movements-file")
        return render(request, self.template, context)


class MovementsPage(RowsPage):
    about = LedgerEntry._meta.label
    headings: tuple[Any, ...] = (_("Date"), _("Movement"), _("Patient"), _("Amount"))

    def asked(self) -> tuple[date, date, Any]:
        given = RowsForm(self.request.GET).given
        first, last = days_of(given["first"], given["last"])
        found: Any = figures.movements(first, last, kind=given["kind"], method=given["method"])
        return first, last, found & LedgerEntry.objects.visible_to(self.user)

    def rows(self) -> tuple[str, Any]:
        first, last, found = self.asked()
        found = found.only(*SHOWN_OF_ENTRY)
        said = {"first": format_day(first), "last": format_day(last)}
        return gettext("Movements, %(first)s to %(last)s") % said, found

    def cells(self, row: LedgerEntry) -> list[Cell]:
        amount = label(-row.amount if row.kind == EntryKind.PAYMENT else row.amount, row.currency)
        patient = Cell(row.patient.name, reverse("billing-account", args=[row.patient_id]))
        return [Cell(format_day(row.booked_on)), Cell(describe(row), _address(row)), patient, Cell(amount)]


def _address(row: LedgerEntry) -> str:
    if row.invoice_id:
        return reverse("billing-invoice", args=[row.invoice_id])
    return reverse("billing-payment", args=[row.payment_id or row.pk])


class MovementsFile(MovementsPage):
    """The ledger of these days as a file, without names of patients: for whoever keeps the books."""

    headings = (_("Date"), _("Kind"), _("Number"), _("Method"), _("Amount"), _("Currency"), _("Entry"))

    def get(self, request: HttpRequest) -> HttpResponseBase:
        first, last, found = self.asked()
        self.read([], kind=AuditEvent.LIST_EXPORTED, first=str(first), last=str(last))
        rows = in_this_context(_parts(found.order_by("booked_on", "id")))
        return csv_response(f"movements-{first}-{last}.csv", self.headings, rows)


def _parts(found: Any) -> Iterator[list[Any]]:
    """Yield the rows some at a time, each part after the last row of the one before, so that a year needs no memory."""
    found, after = found.select_related(None).with_numbers(), None
    while True:
        following = found
        if after:
            following = found.filter(booked_on__gte=after.booked_on).exclude(
                booked_on=after.booked_on, pk__lte=after.pk
            )
        part = list(following[:AT_ONCE])
        if not part:
            return
        after = part[-1]
        yield [_written(row) for row in part]


def _written(row: LedgerEntry) -> list[Any]:
    number = row.invoice.number if row.invoice else ""
    amount = to_text(row.amount, row.currency)
    return [format_day(row.booked_on, "SHORT_DATE_FORMAT"), row.kind, number, row.method, amount, row.currency, row.pk]


class LinesPage(RowsPage):
    """What a doctor or a service brought."""

    needs = Permission.MANAGE_BILLING
    about = InvoiceLine._meta.label
    headings: tuple[Any, ...] = (_("Date"), _("Invoice"), _("Patient"), _("Service"), _("Amount"))

    def rows(self) -> tuple[str, Any]:
        given = LinesForm(self.request.GET).given
        first, last = days_of(given["first"], given["last"])
        found = figures.lines(first, last, **{given["by"]: as_uuid(self.request.GET.get("key"))})
        said = {"first": format_day(first), "last": format_day(last)}
        found = not_closed(found, self.user, "line__invoice__patient").only(*SHOWN_OF_LINE)
        return gettext("Billed, %(first)s to %(last)s") % said, found

    def about_rows(self, rows: list[Any]) -> list[Any]:
        return [row.line for row in rows]

    def cells(self, row: IssuedLine) -> list[Cell]:
        line, invoice = row.line, row.line.invoice
        amount = -row.total if row.kind == DocumentKind.CREDIT_NOTE else row.total
        return [
            Cell(format_day(row.issued_on)),
            Cell(str(invoice.number), reverse("billing-invoice", args=[invoice.pk])),
            Cell(invoice.patient_name, reverse("billing-account", args=[invoice.patient_id])),
            Cell(line.description),
            Cell(label(amount, invoice.currency)),
        ]


class OpenPage(RowsPage):
    """The invoices of which something is open: of an age, of a payer, or both."""

    about = Invoice._meta.label
    headings = (_("Date"), _("Invoice"), _("Patient"), _("Open"))
    nothing = _("Nothing is unpaid here.")

    def rows(self) -> tuple[str, Any]:
        given = OpenForm(self.request.GET).given
        which: dict[str, Any] = {}
        if "payer" in self.request.GET:
            which = {"payer": bytes.fromhex(given["payer"])} if given["payer"] else {"payer": None}
        found = figures.open_amounts(self.request.practice.today(), given["age"], **which)
        title = gettext("Unpaid: %(age)s") % {"age": age_labels()[given["age"]]} if given["age"] else gettext("Unpaid")
        return title, not_closed(found.select_related("invoice__patient"), self.user, "invoice__patient").only(
            *SHOWN_OF_OPEN
        )

    def about_rows(self, rows: list[Any]) -> list[Any]:
        return [row.invoice for row in rows]

    def cells(self, row: OpenAmount) -> list[Cell]:
        invoice = row.invoice
        return [
            Cell(format_day(row.issued_on)),
            Cell(str(invoice.number), reverse("billing-invoice", args=[invoice.pk])),
            Cell(invoice.patient_name, reverse("billing-account", args=[invoice.patient_id])),
            Cell(label(row.amount, invoice.currency)),
        ]


class CreditPage(RowsPage):
    """The payments that are not used up: deposits, and what was paid too much."""

    about = LedgerEntry._meta.label
    headings = (_("Date"), _("Payment"), _("Patient"), _("Credit"))
    nothing = _("No patient has credit. It comes from a deposit, or from a payment of more than is owed.")

    def rows(self) -> tuple[str, Any]:
        found = figures.credit().select_related("payment__patient")
        found = not_closed(found, self.user, "payment__patient").only(*SHOWN_OF_CREDIT)
        return gettext("Credit of patients"), found

    def about_rows(self, rows: list[Any]) -> list[Any]:
        return [row.payment for row in rows]

    def cells(self, row: LeftAmount) -> list[Cell]:
        payment = row.payment
        return [
            Cell(format_day(row.received_on)),
            Cell(str(payment.get_method_display()), reverse("billing-payment", args=[payment.pk])),
            Cell(payment.patient.name, reverse("billing-account", args=[payment.patient_id])),
            Cell(label(row.amount, payment.currency)),
        ]


REPORTS: Iterable[Any] = (
    ("takings", _("Takings"), TakingsPage),
    ("revenue", _("Revenue"), RevenuePage),
    ("unpaid", _("Unpaid by age"), UnpaidPage),
    ("payers", _("Unpaid by payer"), PayersPage),
)


def reports_of(user: Any) -> list[tuple[str, str, str]]:
    """Return name, address and title of each report that this person may open. Visits, no-shows, new patients and how
    full the calendar is are on the page of the practice's numbers."""
    found = [(name, reverse(f"billing-report-{name}"), title) for name, title, page in REPORTS if user.can(page.needs)]
    if user.can(Permission.READ_OWN_REVENUE) and current_practice().doctors_see_revenue:
        found.append(("own", reverse("billing-report-own"), gettext("My revenue")))
    if user.can(Permission.SEE_NUMBERS):
        found.append(("numbers", reverse("numbers"), gettext("Visits, no-shows, new patients")))
    if user.can(Permission.READ_BILLING):
        found.append(("credit", reverse("billing-report-credit"), gettext("Credit of patients")))
        found.append(("invoices", reverse("billing"), gettext("Invoices")))
    return found


class ReportsPage(WorkPage):
    """The reports that this person may open."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_BILLING
    about = LedgerEntry._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read([])
        return render(request, "billing/reports/index.html", {"reports": reports_of(self.user)})
