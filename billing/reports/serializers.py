"""Serializers of reports. Amounts are texts in the practice's currency."""

from typing import Any, ClassVar

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


class DaysQuery(StrictSerializer):
    """The days of a report."""

    most_days: ClassVar = MOST_DAYS
    too_long: ClassVar = TOO_LONG

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
            if (attrs["last"] - attrs["first"]).days > self.most_days:
                raise serializers.ValidationError({"to": [self.too_long]})
        checked: dict[str, Any] = super().validate(attrs)
        return checked


class RevenueQuery(DaysQuery):
    by = ChoiceField(choices=BY, default="day")


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


class PayerShape(OutputSerializer[Any]):
    payer = serializers.CharField(allow_null=True, help_text="For `GET /invoices`; null where patients pay themselves.")
    name = serializers.CharField(
        allow_null=True,
        help_text="Null where patients pay themselves, and of a payer of charts that are closed to you.",
    )
    total = serializers.CharField()
    ages: OutputSerializer[Any] = AgesShape()


class PayersShape(OutputSerializer[Any]):
    """Who owes what, who owes most first."""

    currency = serializers.CharField()
    total = serializers.CharField()
    payers: OutputSerializer[Any] = PayerShape(many=True)


class UnpaidShape(OutputSerializer[Any]):
    """What is open of all issued invoices, by the days since they were issued."""

    currency = serializers.CharField()
    total = serializers.CharField()
    ages = AgesShape()
