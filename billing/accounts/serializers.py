"""Serializers of a patient's account."""

from typing import Any

from rest_framework import serializers

from billing.models import EntryKind, LedgerEntry
from billing.serializers import amount_of
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import OutputSerializer


class AccountQuery(PageQuery):
    pass


class AccountEntryShape(OutputSerializer[LedgerEntry]):
    """A movement. `amount` is what it adds to what the patient owes, `balance` what they owe after it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    date = serializers.DateField(source="booked_on")
    amount = serializers.CharField()
    balance = serializers.CharField()
    invoiceId = serializers.UUIDField(source="invoice_id", allow_null=True)
    number = serializers.CharField(allow_null=True, help_text="Of the invoice or the credit note.")
    paymentId = serializers.UUIDField(
        source="payment_id", allow_null=True, help_text="Of a refund: the payment that it reverses."
    )
    method = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")

    get_amount = staticmethod(lambda row: amount_of(row, "amount"))
    get_balance = staticmethod(lambda row: amount_of(row, "balance"))
    get_number = staticmethod(lambda row: row.invoice and row.invoice.number)
    get_method = staticmethod(lambda row: row.method or None)


class AgesShape(OutputSerializer[Any]):
    """What is open, by the days since the invoice was issued."""

    days0to30 = serializers.CharField()
    days31to60 = serializers.CharField()
    days61to90 = serializers.CharField()
    older = serializers.CharField()


class PatientAccountPage(PageShape):
    currency = serializers.CharField()
    balance = serializers.CharField(help_text="What the patient owes; negative for credit.")
    credit = serializers.CharField(help_text="What of the payments is not put towards an invoice.")
    ages = AgesShape()
    entries = AccountEntryShape(many=True)
