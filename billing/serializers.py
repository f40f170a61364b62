"""Fields of amounts, rates and quantities: texts, in and out, so that no client takes them for floats."""

import re
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.money import to_text
from core.api.serializers import StrictCharField

PAYER = "^[0-9a-f]{64}$"  # a fingerprint, in hexadecimal digits


class TextNumberField(serializers.Field[Any, Any, Any, Any]):
    """A number that is not negative, written as text."""

    pattern: ClassVar = re.compile(r"\d{1,10}(\.\d{1,4})?", re.ASCII)
    default_error_messages: ClassVar = {"invalid": _("Enter an amount as text, such as “120.00”.")}

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not self.pattern.fullmatch(data.strip()):
            self.fail("invalid")
        return Decimal(data.strip())

    def to_representation(self, value: Any) -> str:
        return str(value)


@extend_schema_field({"type": "string", "pattern": r"^\d{1,10}(\.\d{1,3})?$", "example": "120.00"})
class AmountField(TextNumberField):
    pattern = re.compile(r"\d{1,10}(\.\d{1,3})?", re.ASCII)


@extend_schema_field({"type": "string", "pattern": r"^\d{1,5}(\.\d{1,4})?$", "example": "1"})
class QuantityField(TextNumberField):
    pattern = re.compile(r"\d{1,5}(\.\d{1,4})?", re.ASCII)
    default_error_messages: ClassVar = {"invalid": _("Enter a quantity as text, such as “1” or “0.5”.")}

    def to_internal_value(self, data: Any) -> Decimal:
        quantity = super().to_internal_value(data)
        if not quantity:
            self.fail("invalid")
        return quantity


@extend_schema_field({"type": "string", "pattern": r"^\d{1,2}(\.\d{1,3})?$", "example": "19.00"})
class TaxRateField(TextNumberField):
    pattern = re.compile(r"\d{1,2}(\.\d{1,3})?", re.ASCII)
    default_error_messages: ClassVar = {"invalid": _("Enter a rate in percent as text, such as “19.00”.")}


@extend_schema_field({"type": "string", "pattern": PAYER})
class PayerField(StrictCharField):
    """A fingerprint of who pays instead of a patient: the same for the same name, however it is written."""

    default_error_messages: ClassVar = {"invalid": _("Take this from the report of payers.")}

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if not re.fullmatch(PAYER, text):
            self.fail("invalid")
        return text


def amount_of(row: Any, name: str) -> str:
    """Return a column of minor units as text."""
    return to_text(getattr(row, name), row.currency)
