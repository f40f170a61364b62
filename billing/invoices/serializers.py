"""Serializers of invoices."""

from typing import Any

from rest_framework import serializers

from billing.invoices.lines import MOST_LINES
from billing.models import DocumentKind, Invoice, InvoiceLine, InvoiceState
from billing.money import rate_text, to_text
from billing.serializers import AmountField, PayerField, QuantityField, TaxRateField, amount_of
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import (
    ChoiceField,
    OptionalCharField,
    OptionalDateField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.api.versions import version_field
from core.texts import validate_line, validate_name

MOST_VISITS = 50
MAX_REASON_LENGTH = 1000
LINE = [validate_line]


class LineInput(StrictSerializer):
    """A service of the price list, whose name and price are taken unless they are given, or anything else with a
    description and a price."""

    serviceId = UUIDField(source="service_id", required=False, allow_null=True)
    appointmentId = UUIDField(source="appointment_id", required=False, allow_null=True, help_text="The visit.")
    description = StrictCharField(max_length=500, validators=LINE, required=False)
    quantity = QuantityField(required=False)
    unitPrice = AmountField(source="unit_price", required=False)
    discount = AmountField(required=False, help_text="An amount, of the whole line.")
    taxRate = TaxRateField(source="tax_rate", required=False, help_text="Percent.")
    taxIncluded = StrictBooleanField(source="tax_included", required=False)


class LineChange(LineInput):
    """With an `id`, what is not given of that line stays."""

    id = UUIDField(required=False)


class DraftFields(StrictSerializer):
    payerName = OptionalCharField(
        source="payer_name", max_length=200, validators=[validate_name], help_text="If it is not the patient."
    )
    payerAddress = OptionalCharField(source="payer_address", max_length=500)
    note = OptionalCharField(max_length=2000, help_text="Printed on the invoice.")
    dueOn = OptionalDateField(source="due_on", help_text="By default the practice's `paymentDays` after it is issued.")


class DraftInput(DraftFields):
    patientId = UUIDField(source="patient_id")
    appointmentIds = serializers.ListField(
        source="appointment_ids",
        child=UUIDField(),
        max_length=MOST_VISITS,
        required=False,
        help_text="Visits, which bring the services of their types.",
    )
    lines = serializers.ListField(child=LineInput(), max_length=MOST_LINES, required=False)


class DraftChange(DraftFields):
    """`lines` are all lines from now on."""

    version = version_field()
    lines = serializers.ListField(child=LineChange(), max_length=MOST_LINES, required=False)


class IssueInput(StrictSerializer):
    version = version_field()
    dueOn = OptionalDateField(source="due_on")


class CreditInput(StrictSerializer):
    reason = StrictCharField(max_length=MAX_REASON_LENGTH)


class WriteOffInput(CreditInput):
    amount = AmountField(required=False, help_text="By default all that is open.")


class InvoiceQuery(PageQuery):
    patientId = UUIDField(source="patient", required=False)
    status = ChoiceField(choices=[*InvoiceState.choices, ("unpaid", "unpaid")], required=False)
    payer = PayerField(required=False, help_text="The `payer` of a row of `/reports/payers`.")


def quantity_text(line: InvoiceLine) -> str:
    written = f"{line.quantity:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _line_amount(name: str) -> Any:
    return staticmethod(lambda row: to_text(getattr(row, name), row.invoice.currency))


class LineShape(OutputSerializer[InvoiceLine]):
    """A line, with what it came to."""

    id = serializers.UUIDField()
    serviceId = serializers.UUIDField(source="service_id", allow_null=True)
    appointmentId = serializers.UUIDField(source="appointment_id", allow_null=True)
    code = serializers.CharField()
    description = serializers.CharField()
    quantity = serializers.CharField()
    unitPrice = serializers.CharField(source="unit_price")
    discount = serializers.CharField()
    taxRate = serializers.CharField(source="tax_rate")
    taxIncluded = serializers.BooleanField(source="tax_included")
    net = serializers.CharField()
    tax = serializers.CharField()
    total = serializers.CharField()

    get_quantity = staticmethod(quantity_text)
    get_unit_price = _line_amount("unit_price")
    get_discount = _line_amount("discount")
    get_net = _line_amount("net")
    get_tax = _line_amount("tax")
    get_total = _line_amount("total")

    @staticmethod
    def get_tax_rate(row: InvoiceLine) -> str:
        return rate_text(row.tax_rate)


class InvoiceBrief(OutputSerializer[Invoice]):
    """An invoice or a credit note. `paid`, `writtenOff` and `open` are what the ledger says now."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=DocumentKind.choices)
    status = serializers.ChoiceField(choices=InvoiceState.choices, source="state")
    number = serializers.CharField(allow_null=True, help_text="Null for a draft.")
    patientId = serializers.UUIDField(source="patient_id")
    patientName = serializers.CharField(source="shown_name")
    payerName = serializers.CharField(source="payer_name")
    currency = serializers.CharField()
    net = serializers.CharField()
    tax = serializers.CharField()
    total = serializers.CharField()
    paid = serializers.CharField()
    writtenOff = serializers.CharField(source="written_off")
    open = serializers.CharField()
    issuedOn = serializers.DateField(source="issued_on", allow_null=True)
    dueOn = serializers.DateField(source="due_on", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    version = serializers.IntegerField()

    @staticmethod
    def get_shown_name(row: Invoice) -> str:
        return row.patient.name if row.is_draft else row.patient_name

    get_net = staticmethod(lambda row: amount_of(row, "net"))
    get_tax = staticmethod(lambda row: amount_of(row, "tax"))
    get_total = staticmethod(lambda row: amount_of(row, "total"))
    get_paid = staticmethod(lambda row: amount_of(row, "paid"))
    get_written_off = staticmethod(lambda row: amount_of(row, "written_off"))
    get_open = staticmethod(lambda row: amount_of(row, "open"))


class InvoiceShape(InvoiceBrief):
    """An invoice or a credit note, with its lines."""

    payerAddress = serializers.CharField(source="payer_address")
    note = serializers.CharField()
    reason = serializers.CharField(help_text="Why it was credited, on the credit note.")
    creditsId = serializers.UUIDField(source="credits_id", allow_null=True, help_text="The invoice that this undoes.")
    creditNoteId = serializers.UUIDField(source="note_id", allow_null=True, help_text="What undid this.")
    lines = LineShape(many=True)

    @staticmethod
    def get_note_id(row: Invoice) -> Any:
        note = getattr(row, "credit_note", None)
        return note and note.pk


class InvoicePage(PageShape):
    invoices = InvoiceBrief(many=True)
