"""The rows behind a figure of a report. Sums count those of closed charts, too; the lists leave these out."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django import forms
from django.http import HttpRequest
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
from billing.money import label, to_text
from billing.reports import figures
from billing.reports.base import Cell, RangeForm, reports_of
from billing.reports.figures import BY
from billing.reports.views import days_of
from billing.serializers import PAYER
from core.api.pagination import Page
from core.csv_files import csv_response, in_this_context
from core.formats import format_day
from core.forms import CheckedForm, as_uuid
from core.pages import WorkPage
from core.permissions import Permission

PAGE_SIZE, AT_ONCE = 50, 500


class RowsForm(RangeForm):
    kind = forms.ChoiceField(required=False, choices=EntryKind.choices)
    method = forms.ChoiceField(required=False, choices=PaymentMethod.choices)


class LinesForm(RangeForm):
    by = forms.ChoiceField(choices=[(by, by) for by in BY[2:]])


class OpenForm(CheckedForm):
    age = forms.ChoiceField(required=False, choices=lambda: list(age_labels().items()))
    payer = forms.RegexField(PAYER, required=False)


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


class RowsPage(WorkPage):
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
        page = Page(page=1, limit=PAGE_SIZE, cursor=request.GET.get("cursor", ""))  # no count, no skipping
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

    def requested_entries(self) -> tuple[date, date, Any]:
        given = RowsForm(self.request.GET).validated_data
        first, last = days_of(given["first"], given["last"])
        found: Any = figures.movements(first, last, kind=given["kind"], method=given["method"])
        return first, last, found & LedgerEntry.objects.visible_to(self.user)

    def rows(self) -> tuple[str, Any]:
        first, last, found = self.requested_entries()
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
        first, last, found = self.requested_entries()
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
        given = LinesForm(self.request.GET).validated_data
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
        given = OpenForm(self.request.GET).validated_data
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
