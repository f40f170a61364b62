"""Serializers of the registrations API."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts.roles import REGISTER_ROLES
from accounts.sign_in.serializers import MAX_PASSWORD
from core.api.pagination import PageShape
from core.api.serializers import (
    ChoiceField,
    CredentialField,
    DayField,
    EmailField,
    ErrorShape,
    OptionalCharField,
    OutputSerializer,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.texts import validate_line, validate_name, validate_phone
from patients.chart_rows import warnings_of_joining
from patients.models import ChartStatus, Patient
from patients.registrations.matching import Match, MatchReason, Registration
from patients.registrations.services import DeclineReason
from patients.serializers import Chart, ChartBrief, check_birth_date


class RegisterInput(StrictSerializer):
    name = StrictCharField(max_length=200, validators=[validate_name])
    email = EmailField(max_length=254)
    password = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)
    role = ChoiceField(choices=REGISTER_ROLES)
    phone = OptionalCharField(max_length=40, validators=[validate_phone])
    specialization = OptionalCharField(max_length=120, validators=[validate_line])
    department = OptionalCharField(max_length=120, validators=[validate_line])
    joinCode = OptionalCharField(max_length=20, source="join_code")
    officeId = UUIDField(source="office_id", required=False, allow_null=True, help_text="Only for office managers.")
    dateOfBirth = DayField(
        source="date_of_birth",
        required=False,
        allow_null=True,
        validators=[check_birth_date],
        help_text="Only for patients; helps the front desk find their chart.",
    )


WITHHELD = {"email": "", "phone": "", "dateOfBirth": None, "hasAccount": None}


class MatchShape(OutputSerializer[Match]):
    """A confirmed chart that may belong to the person who registered, and why. If a restricted chart is closed to the
    caller, everything but the name is withheld."""

    id = serializers.UUIDField(source="chart.id")
    name = serializers.CharField(source="chart.name")
    email = serializers.CharField(source="chart.email")
    phone = serializers.CharField(source="chart.phone")
    dateOfBirth = serializers.DateField(source="chart.date_of_birth", allow_null=True)
    hasAccount = serializers.BooleanField(
        source="has_account", allow_null=True, help_text="A registration cannot be merged into a chart that has one."
    )
    because = serializers.ListField(source="reasons", child=serializers.ChoiceField(choices=MatchReason.choices))
    restricted = serializers.BooleanField(required=False, help_text="Present only if the chart is restricted.")

    @staticmethod
    def get_has_account(match: Match) -> bool:
        return match.chart.user_id is not None

    @staticmethod
    def get_restricted(match: Match) -> bool | None:
        return match.chart.restricted or None

    @classmethod
    def to_dict_or_raise(cls, instance: Match) -> dict[str, Any]:
        data = super().to_dict_or_raise(instance)
        return {**data, **WITHHELD} if instance.chart.is_closed else data


class OpenedChart(Chart):
    """A new chart. `possibleDuplicates`, if there are any: charts that may be of the same person, because of two or
    more of name, date of birth and phone; likeliest first, at most five."""

    possibleDuplicates = MatchShape(many=True, required=False)

    @classmethod
    def opened(cls, chart: Patient, duplicates: list[Match]) -> dict[str, Any]:
        shown = Chart.to_dict(chart)
        return {**shown, "possibleDuplicates": [MatchShape.to_dict(one) for one in duplicates]} if duplicates else shown


class MayBeTwiceError(ErrorShape):
    candidates = MatchShape(
        many=True, required=False, help_text="Charts that may be of this person, likeliest first, at most five."
    )


class RegistrationShape(ChartBrief):
    """A pending chart and its possible matches, likeliest first, at most five."""

    matches = MatchShape(many=True)

    @classmethod
    def to_dict_or_raise(cls, instance: Registration) -> dict[str, Any]:  # type: ignore[override]
        return {
            **ChartBrief.to_dict_or_raise(instance.chart),
            "matches": [MatchShape.to_dict_or_raise(match) for match in instance.matches],
        }


class RegistrationPage(PageShape):
    registrations = RegistrationShape(many=True)


class SettledShape(OutputSerializer[Patient]):
    """The result of handling a registration. `patientId` is the person's chart: the registration's own, or the one it
    was merged into."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ChartStatus.choices)
    patientId = serializers.UUIDField(source="resulting_chart_id")
    warnings = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="After a merge: such as two visits at the same time."
    )

    @staticmethod
    def get_warnings(registration: Patient) -> list[str] | None:
        chart = registration.merged_into
        return [str(warning) for warning in warnings_of_joining(chart)] or None if chart else None

    @staticmethod
    def get_resulting_chart_id(registration: Patient) -> UUID:
        return registration.merged_into_id or registration.pk


class ConfirmInput(StrictSerializer):
    patientId = UUIDField(source="into", required=False, allow_null=True, default=None)


class DeclineInput(StrictSerializer):
    reason = ChoiceField(choices=DeclineReason.choices, required=False, allow_blank=True, default="")
