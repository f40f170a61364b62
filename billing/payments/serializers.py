"""Serializers of payments."""

from typing import Any

from rest_framework import serializers

from billing.models import LedgerEntry, PaymentMethod
from billing.models.ledger import BY_HAND
from billing.money import to_text
from billing.serializers import AmountField, amount_of
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
from core.texts import validate_line

MAX_REASON_LENGTH = 1000


class AllocationInput(StrictSerializer):
    invoiceId = UUIDField(source="invoice_id")
    amount = AmountField()


class AllocationsInput(StrictSerializer):
    allocations = serializers.ListField(child=AllocationInput(), min_length=1, max_length=100)


class PaymentInput(StrictSerializer):
    patientId = UUIDField(source="patient_id")
    amount = AmountField()
    method = ChoiceField(choices=BY_HAND)
    allocations = serializers.ListField(
        child=AllocationInput(),
        max_length=100,
        required=False,
        help_text="Which invoices it pays; what is left is the patient's credit.",
    )
    receivedOn = OptionalDateField(source="received_on", help_text="By default today at the practice.")
    reference = OptionalCharField(
        max_length=200, validators=[validate_line], help_text="Such as the number of the cheque."
    )


class RefundInput(StrictSerializer):
    amount = AmountField()
    reason = StrictCharField(max_length=MAX_REASON_LENGTH)
    method = ChoiceField(choices=BY_HAND, required=False, help_text="By default that of the payment.")
    writeOff = StrictBooleanField(
        source="write_off",
        required=False,
        default=False,
        help_text="Of invoices that are open again by it, the patient owes nothing: that part is written off.",
    )


class PaymentQuery(PageQuery):
    patientId = UUIDField(source="patient", required=False)
    hasCredit = serializers.BooleanField(
        source="has_credit", required=False, default=False, help_text="Only payments that are not used up."
    )


class AllocationShape(OutputSerializer[Any]):
    """What of a payment pays an invoice now."""

    invoiceId = serializers.UUIDField(source="invoice_id")
    number = serializers.CharField()
    amount = serializers.CharField()


class RefundShape(OutputSerializer[LedgerEntry]):
    id = serializers.UUIDField()
    amount = serializers.CharField()
    method = serializers.ChoiceField(choices=PaymentMethod.choices)
    refundedOn = serializers.DateField(source="booked_on")
    reason = serializers.CharField()

    get_amount = staticmethod(lambda row: amount_of(row, "amount"))


class PaymentShape(OutputSerializer[LedgerEntry]):
    """A payment. `left` is the credit that is neither put towards an invoice nor refunded."""

    id = serializers.UUIDField()
    patientId = serializers.UUIDField(source="patient_id")
    amount = serializers.CharField()
    currency = serializers.CharField()
    method = serializers.ChoiceField(choices=PaymentMethod.choices)
    receivedOn = serializers.DateField(source="booked_on")
    reference = serializers.CharField()
    allocated = serializers.CharField()
    refunded = serializers.CharField()
    left = serializers.CharField()
    allocations = AllocationShape(many=True, source="in_force")
    refunds = RefundShape(many=True)
    createdAt = serializers.DateTimeField(source="created_at")

    get_amount = staticmethod(lambda row: to_text(-row.amount, row.currency))
    get_allocated = staticmethod(lambda row: amount_of(row, "allocated"))
    get_refunded = staticmethod(lambda row: amount_of(row, "refunded"))
    get_left = staticmethod(lambda row: amount_of(row, "left"))

    @staticmethod
    def get_in_force(row: LedgerEntry) -> list[dict[str, Any]]:
        return [
            {"invoiceId": invoice.pk, "number": invoice.number, "amount": to_text(amount, row.currency)}
            for invoice, amount in allocations_of(row)
        ]


def allocations_of(payment: LedgerEntry) -> list[tuple[Any, int]]:
    """Return the invoices that the payment pays, with how much of each."""
    sums: dict[Any, tuple[Any, int]] = {}
    for one in payment.allocations.all():
        sums[one.invoice_id] = one.invoice, sums.get(one.invoice_id, (None, 0))[1] + one.amount
    return [(invoice, amount) for invoice, amount in sums.values() if amount]


class PaymentPage(PageShape):
    payments = PaymentShape(many=True)
