"""Serializers of the price list."""

from typing import Any

from rest_framework import serializers

from billing.models import Service, ServicePrice
from billing.money import rate_text
from billing.serializers import AmountField, TaxRateField, amount_of
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import OutputSerializer, StrictBooleanField, StrictCharField, StrictSerializer, UUIDField
from core.api.versions import version_field
from core.texts import validate_line

LINE = [validate_line]


class ServiceFields(StrictSerializer):
    code = StrictCharField(max_length=20, validators=LINE, required=False, help_text="CPT, or the practice's own.")
    name = StrictCharField(max_length=200, validators=LINE, required=False)
    price = AmountField(required=False, help_text="In the practice's currency, with its decimal places.")
    taxRate = TaxRateField(source="tax_rate", required=False, help_text="Percent.")
    taxIncluded = StrictBooleanField(source="tax_included", required=False, help_text="Whether the price includes it.")
    active = StrictBooleanField(source="is_active", required=False)
    appointmentTypeIds = serializers.ListField(
        source="appointment_type_ids",
        child=UUIDField(),
        max_length=100,
        required=False,
        help_text="Visits of these types bring it to an invoice.",
    )


class ServiceInput(ServiceFields):
    code = StrictCharField(max_length=20, validators=LINE, help_text="CPT, or the practice's own.")
    name = StrictCharField(max_length=200, validators=LINE)
    price = AmountField(help_text="In the practice's currency, with its decimal places.")


class ServiceChange(ServiceFields):
    version = version_field()


class ServiceQuery(PageQuery):
    active = serializers.BooleanField(required=False, source="is_active", allow_null=True, default=None)


class PriceShape(OutputSerializer[ServicePrice]):
    """What it cost from then on."""

    number = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    price = serializers.CharField()
    currency = serializers.CharField()
    taxRate = serializers.CharField(source="tax_rate")
    taxIncluded = serializers.BooleanField(source="tax_included")
    since = serializers.DateTimeField(source="created_at")

    @staticmethod
    def get_price(row: ServicePrice) -> str:
        return amount_of(row, "price")

    @staticmethod
    def get_tax_rate(row: ServicePrice) -> str:
        return rate_text(row.tax_rate)


class ServiceBrief(OutputSerializer[Service]):
    """A service of the price list."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    price = serializers.CharField()
    currency = serializers.CharField()
    taxRate = serializers.CharField(source="tax_rate")
    taxIncluded = serializers.BooleanField(source="tax_included")
    active = serializers.BooleanField(source="is_active")
    appointmentTypeIds = serializers.ListField(source="type_ids", child=serializers.UUIDField())
    version = serializers.IntegerField()

    @staticmethod
    def get_price(row: Service) -> str:
        return amount_of(row, "price")

    @staticmethod
    def get_tax_rate(row: Service) -> str:
        return rate_text(row.tax_rate)

    @staticmethod
    def get_type_ids(row: Service) -> list[Any]:
        return sorted(link.appointment_type_id for link in row.of_types.all())


class ServiceShape(ServiceBrief):
    """A service, with what it cost so far."""

    prices = PriceShape(many=True)


class ServicePage(PageShape):
    services = ServiceBrief(many=True)
