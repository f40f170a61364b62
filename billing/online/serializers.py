"""Serializers of online payments."""

from rest_framework import serializers

from billing.models import Checkout
from billing.serializers import amount_of
from core.api.serializers import OutputSerializer


class PayLinkShape(OutputSerializer[Checkout]):
    """Where an invoice can be paid by card: a page of the provider. The payment comes by itself once it is made."""

    id = serializers.UUIDField(help_text="The payment will have this id.")
    invoiceId = serializers.UUIDField(source="invoice_id")
    url = serializers.CharField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)

    get_amount = staticmethod(lambda row: amount_of(row, "amount"))
