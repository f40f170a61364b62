"""Serializers of the charts API."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.pagination import PageQuery, PageShape
from core.api.serializers import (
    ChoiceField,
    DayField,
    EmailField,
    OptionalCharField,
    OptionalDateField,
    OptionalEmailField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.api.versions import version_field
from core.choices import PublicTextChoices
from core.texts import validate_line, validate_name, validate_phone
from patients.models import Gender, Patient

EARLIEST_BIRTH_DATE = date(1880, 1, 1)


def check_birth_date(birth_date: date) -> None:
    """Raise ValidationError for an implausible date of birth (today is allowed in every time zone)."""
    if not EARLIEST_BIRTH_DATE <= birth_date <= timezone.localdate() + timedelta(days=1):
        raise ValidationError(_("Enter a valid date of birth."))


class GenderOrUnknown(PublicTextChoices):
    """Gender with FHIR's word for one that is not known, which a chart stores as empty."""

    MALE = Gender.MALE.value, Gender.MALE.label
    FEMALE = Gender.FEMALE.value, Gender.FEMALE.label
    OTHER = Gender.OTHER.value, Gender.OTHER.label
    UNKNOWN = "unknown", _("Unknown")


class ChartInput(StrictSerializer):
    name = StrictCharField(max_length=200, validators=[validate_name])
    email = EmailField(max_length=254)
    phone = StrictCharField(max_length=40, validators=[validate_phone])
    dateOfBirth = DayField(source="date_of_birth", validators=[check_birth_date])
    gender = ChoiceField(choices=Gender.choices)
    address = StrictCharField(max_length=500)
    bloodType = OptionalCharField(max_length=20, validators=[validate_line], source="blood_type")
    allergies = OptionalCharField(max_length=5000)
    medicalHistory = OptionalCharField(max_length=20_000, source="medical_history")
    emergencyContact = OptionalCharField(max_length=300, source="emergency_contact")
    incomplete = StrictBooleanField(required=False)
    confirmNew = StrictBooleanField(
        source="confirm_new",
        required=False,
        help_text="`false`: if the person may have a chart already, open none and answer 409 with `candidates`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("incomplete", None)
        return attrs


class IncompleteChartInput(ChartInput):
    """A chart of which not everything is known: with `"incomplete": true`, a name and one of phone, email, address and
    emergency contact are enough."""

    email = OptionalEmailField(max_length=254)
    phone = OptionalCharField(max_length=40, validators=[validate_phone])
    dateOfBirth = OptionalDateField(source="date_of_birth", validators=[check_birth_date])
    gender = ChoiceField(choices=GenderOrUnknown.choices, required=False, allow_blank=True, allow_null=True, default="")
    address = OptionalCharField(max_length=500)
    incomplete = StrictBooleanField()

    def validate_gender(self, gender: str | None) -> str:
        return "" if gender in (None, GenderOrUnknown.UNKNOWN) else gender


class ChartChange(IncompleteChartInput):
    """What is sent is changed; a text that is sent empty, or null, is emptied. A name and one of phone, email, address
    and emergency contact stay."""

    name = StrictCharField(max_length=200, validators=[validate_name], required=False)
    gender = ChoiceField(choices=GenderOrUnknown.choices, required=False, allow_blank=True, allow_null=True)
    primaryDoctorId = UUIDField(source="primary_doctor_id", required=False, allow_null=True)
    incomplete = None  # type: ignore[assignment]
    confirmNew = None  # type: ignore[assignment]
    version = version_field()


def chart_input_for(body: Any) -> type[ChartInput]:
    """Return the serializer of a new chart: the contract's, unless the body says that not everything is known."""
    is_incomplete = isinstance(body, Mapping) and body.get("incomplete") is True
    return IncompleteChartInput if is_incomplete else ChartInput


class ChartQuery(PageQuery):
    search = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")
    incomplete = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Only charts without an email, a phone, a date of birth, a gender or an address.",
    )


WITHHELD = {"email": "", "phone": "", "dateOfBirth": None, "gender": "", "address": ""}
CLINICAL_WITHHELD = {"bloodType": None, "allergies": None, "medicalHistory": None, "primaryDoctorId": None}


class ChartBrief(OutputSerializer[Patient]):
    """A chart in a list. What is not known is empty, and the date of birth null. If a restricted chart is closed to
    the caller, everything but the name is withheld."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    dateOfBirth = serializers.DateField(source="date_of_birth", allow_null=True)
    gender = serializers.CharField()
    address = serializers.CharField()
    created_at = serializers.DateTimeField()
    restricted = serializers.BooleanField(required=False, help_text="Present only if the chart is restricted.")

    @staticmethod
    def get_restricted(chart: Patient) -> bool | None:
        return chart.restricted or None

    @classmethod
    def to_dict_or_raise(cls, instance: Patient) -> dict[str, Any]:
        data = super().to_dict_or_raise(instance)
        return {**data, **WITHHELD} if instance.is_closed else data


class ChartPage(PageShape):
    patients = ChartBrief(many=True)


class Chart(ChartBrief):
    """A chart with its clinical fields; these are null if the caller's role may not read them."""

    bloodType = serializers.CharField(source="blood_type", allow_null=True)
    allergies = serializers.CharField(allow_null=True)
    medicalHistory = serializers.CharField(source="medical_history", allow_null=True)
    primaryDoctorId = serializers.UUIDField(source="primary_doctor_id", allow_null=True)
    emergencyContact = serializers.CharField(
        source="emergency_contact", required=False, help_text="Left out if there is none or it is withheld."
    )
    version = serializers.IntegerField(required=False, help_text="Left out if the chart is closed to the caller.")

    @staticmethod
    def get_emergency_contact(chart: Patient) -> str | None:
        return chart.emergency_contact or None

    @classmethod
    def to_dict_or_raise(cls, instance: Patient) -> dict[str, Any]:
        return cls.contact_only(instance) if instance.is_closed else super().to_dict_or_raise(instance)

    @classmethod
    def contact_only(cls, instance: Patient) -> dict[str, Any]:
        data = {**ChartBrief.to_dict_or_raise(instance), **CLINICAL_WITHHELD}
        return data if instance.is_closed else {**data, "version": instance.version}
