"""Serializers of reports. Amounts are texts in the practice's currency."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.accounts.serializers import AgesShape
from billing.models import PaymentMethod
from billing.reports.figures import BY, BY_OWN, MOST_DAYS
from core.api.serializers import ChoiceField, DayField, OutputSerializer, StrictSerializer

BEFORE = _("Enter a day that is not before `from`.")
TOO_LONG = _("Ask for five years at most.")


class TakingsQuery(StrictSerializer):
    day = DayField(required=False, help_text="By default today, in the practice's time zone.")


class RevenueQuery(StrictSerializer):
    by = ChoiceField(choices=BY, default="day")

    def get_fields(self) -> dict[str, Any]:
        fields = {
            "from": DayField(source="first", required=False, help_text="By default the first of this month."),
            "to": DayField(source="last", required=False, help_text="Inclusive; by default today."),
        }
        return {**super().get_fields(), **fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "first" in attrs and "last" in attrs:
            if attrs["first"] > attrs["last"]:
                raise serializers.ValidationError({"to": [BEFORE]})
            if (attrs["last"] - attrs["first"]).days > MOST_DAYS:
                raise serializers.ValidationError({"to": [TOO_LONG]})
        checked: dict[str, Any] = super().validate(attrs)
        return checked


class OwnRevenueQuery(RevenueQuery):
    by = ChoiceField(choices=BY_OWN, default="day")


class TakenShape(OutputSerializer[Any]):
    method = serializers.ChoiceField(choices=PaymentMethod.choices)
    received = serializers.CharField()
    refunded = serializers.CharField()
    total = serializers.CharField()
    payments = serializers.IntegerField()
    refunds = serializers.IntegerField()


class TakingsShape(OutputSerializer[Any]):
    """What was taken on a day, by all methods."""

    day = serializers.DateField()
    currency = serializers.CharField()
    received = serializers.CharField()
    refunded = serializers.CharField()
    total = serializers.CharField()
    methods = TakenShape(many=True)


class OwnSumsShape(OutputSerializer[Any]):
    """What was billed, of which a doctor sees their own."""

    invoiced = serializers.CharField()
    credited = serializers.CharField()


class SumsShape(OwnSumsShape):
    paid = serializers.CharField(allow_null=True, help_text="Null by doctor and service.")
    refunded = serializers.CharField(allow_null=True)


class RowShape(OutputSerializer[Any]):
    key = serializers.CharField(allow_null=True, help_text="A day, the first of a month, or an id.")
    name = serializers.CharField(help_text="Of the doctor or the service.")


class OwnRevenueRow(RowShape, OwnSumsShape):
    pass


class RevenueRow(RowShape, SumsShape):
    pass


class OwnRevenueShape(OutputSerializer[Any]):
    """`total` is the sum of the rows; days and months without movements have no row."""

    by = serializers.ChoiceField(choices=BY_OWN)
    currency = serializers.CharField()
    total: OutputSerializer[Any] = OwnSumsShape()
    rows: OutputSerializer[Any] = OwnRevenueRow(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), "to": serializers.DateField(), **super().get_fields()}


class RevenueShape(OwnRevenueShape):
    by = serializers.ChoiceField(choices=BY)
    total = SumsShape()
    rows = RevenueRow(many=True)


class UnpaidShape(OutputSerializer[Any]):
    """What is open of all issued invoices, by the days since they were issued."""

    currency = serializers.CharField()
    total = serializers.CharField()
    ages = AgesShape()
