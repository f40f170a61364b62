"""What of billing goes into the export of a chart: all that a patient was billed, has paid, and what was coded."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.claims.serializers import CoverageShape
from billing.claims.services import shown
from billing.invoices.serializers import InvoiceShape
from billing.models import Coverage, EntryKind, Invoice, LedgerEntry, PaymentMethod, VisitCoding
from billing.serializers import amount_of
from core.api.serializers import OutputSerializer
from core.formats import format_day
from records.export.further import Further, register_export
from records.printing import Document


class ExportedMovement(OutputSerializer[LedgerEntry]):
    """`amount` is what it adds to what the patient owes."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    date = serializers.DateField(source="booked_on")
    amount = serializers.CharField()
    currency = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    method = serializers.CharField(allow_null=True)
    reference = serializers.CharField()
    reason = serializers.CharField()

    get_amount = staticmethod(lambda row: amount_of(row, "amount"))
    get_number = staticmethod(lambda row: row.invoice and row.invoice.number)
    get_method = staticmethod(lambda row: row.method or None)


def _invoices(chart_id: UUID) -> Any:
    rows = Invoice.objects.with_sums().filter(patient=chart_id).exclude(issued_at=None)
    rows = rows.select_related("patient", "credits", "credit_note").prefetch_related("lines")
    return rows.order_by("issued_at", "id")


def _movements(chart_id: UUID) -> Any:
    return LedgerEntry.objects.filter(patient=chart_id).select_related("invoice").order_by("id")


def _codes(chart_id: UUID) -> Any:
    kept = VisitCoding.objects.filter(patient=chart_id, appointment__deletion=None)
    return kept.select_related("appointment").order_by("id")


def _write_invoice(document: Document, invoice: dict[str, Any]) -> None:
    title = gettext("Credit note %(number)s") if invoice["kind"] == "credit_note" else gettext("Invoice %(number)s")
    document.heading(title % {"number": invoice["number"]})
    document.small(format_day(invoice["issuedOn"]))
    for line in invoice["lines"]:
        document.row(f"{line['code']} {line['description']}".strip(), f"{line['total']} {invoice['currency']}")
    document.row(gettext("Total"), f"{invoice['total']} {invoice['currency']}")


def _write_movement(document: Document, entry: dict[str, Any]) -> None:
    detail = entry["number"] or str(dict(PaymentMethod.choices).get(entry["method"], ""))
    what = f"{format_day(entry['date'])} {EntryKind(entry['kind']).label} {detail}".strip()
    document.row(what, f"{entry['amount']} {entry['currency']}")
    for text in (entry["reference"], entry["reason"]):
        if text:
            document.small(text)


def _write_coverage(document: Document, coverage: dict[str, Any]) -> None:
    document.field(coverage["payer"], f"{coverage['memberId']} {coverage['group'] or ''}".strip())


def _write_codes(document: Document, coding: dict[str, Any]) -> None:
    document.field(document.stamp(coding["date"]), ", ".join(coding["diagnoses"]))
    for line in coding["lines"]:
        document.row(" ".join([line["code"], *line["modifiers"]]), f"{line['charge']} {coding['currency']}")


def _coding(row: VisitCoding) -> dict[str, Any]:
    return {**shown(row.appointment, row), "date": row.appointment.starts_at}


SECTIONS = (
    Further("invoices", _("Invoices"), _invoices, InvoiceShape.to_dict, _write_invoice),
    Further("movements", _("Payments and charges"), _movements, ExportedMovement.to_dict, _write_movement),
    Further(
        "insurances",
        _("Insurances"),
        lambda chart_id: Coverage.objects.filter(patient=chart_id).order_by("position"),
        CoverageShape.to_dict,
        _write_coverage,
    ),
    Further("visitCodes", _("Codes of visits"), _codes, _coding, _write_codes),
)
for section in SECTIONS:
    register_export(section)
