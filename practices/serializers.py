"""Serializers of the practice and its offices."""

from typing import Any

from rest_framework import serializers
from rest_framework.utils.field_mapping import get_field_kwargs

from core.api.serializers import (
    OptionalCharField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
)
from core.api.versions import NO_VERSION, version_field
from core.texts import validate_currency, validate_line, validate_phone
from practices.models import Office, Practice, validate_timezone


class PracticeBrief(OutputSerializer[Practice]):
    """What patients are shown of their practice; GET /api/offices has addresses and phone numbers."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    timezone = serializers.CharField()
    appointmentMinutes = serializers.IntegerField(source="appointment_minutes")
    maxUpcomingAppointments = serializers.IntegerField(source="max_upcoming_appointments")
    bookingMonthsAhead = serializers.IntegerField(source="booking_months_ahead")
    bookingNoticeHours = serializers.IntegerField(source="booking_notice_hours")
    sameDayBooking = serializers.BooleanField(source="same_day_booking")
    cancellationHours = serializers.IntegerField(source="cancellation_hours")


class PracticeShape(PracticeBrief):
    """The practice's settings."""

    currency = serializers.CharField()
    paymentDays = serializers.IntegerField(source="payment_days")
    doctorsSeeRevenue = serializers.BooleanField(source="doctors_see_revenue")
    twoFactorRequired = serializers.BooleanField(source="two_factor_required")
    doctorsSeeDrafts = serializers.BooleanField(source="doctors_see_drafts")
    retentionYears = serializers.IntegerField(source="retention_years")
    version = serializers.IntegerField(help_text="Increases with each change.")


def _whole_number(name: str) -> serializers.IntegerField:
    """Return the field of a setting, with the bounds and the help text of its column."""
    column: Any = Practice._meta.get_field(name)
    options = get_field_kwargs(name, column)
    taken = {key: options[key] for key in ("min_value", "max_value", "help_text")}
    return serializers.IntegerField(source=name, required=False, **taken)


class PracticeChange(StrictSerializer):
    name = StrictCharField(max_length=200, required=False, validators=[validate_line])
    timezone = StrictCharField(
        max_length=64, required=False, validators=[validate_timezone], help_text="From the IANA database."
    )
    appointmentMinutes = _whole_number("appointment_minutes")
    maxUpcomingAppointments = _whole_number("max_upcoming_appointments")
    bookingMonthsAhead = _whole_number("booking_months_ahead")
    bookingNoticeHours = _whole_number("booking_notice_hours")
    sameDayBooking = StrictBooleanField(
        source="same_day_booking", required=False, help_text="Whether patients can book for today."
    )
    cancellationHours = _whole_number("cancellation_hours")
    currency = StrictCharField(
        max_length=3, required=False, validators=[validate_currency], help_text="Three-letter code, such as USD."
    )
    paymentDays = _whole_number("payment_days")
    doctorsSeeRevenue = StrictBooleanField(
        source="doctors_see_revenue", required=False, help_text="Whether doctors see what their own visits brought."
    )
    twoFactorRequired = StrictBooleanField(
        source="two_factor_required", required=False, help_text="Of everyone who works here."
    )
    doctorsSeeDrafts = StrictBooleanField(
        source="doctors_see_drafts", required=False, help_text="Whether doctors read each other's draft session notes."
    )
    retentionYears = _whole_number("retention_years")
    version = version_field()


class OfficeChange(StrictSerializer):
    name = StrictCharField(max_length=200, validators=[validate_line], required=False)
    address = OptionalCharField(max_length=300)
    phone = OptionalCharField(max_length=40, validators=[validate_phone])
    timezone = OptionalCharField(
        max_length=64, validators=[validate_timezone], help_text="From the IANA database; empty for the practice's."
    )
    version = version_field()


class OfficeInput(OfficeChange):
    name = StrictCharField(max_length=200, validators=[validate_line])
    version = NO_VERSION


class OfficeShape(OutputSerializer[Office]):
    """A location of the practice. An empty time zone means the practice's."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    address = serializers.CharField()
    phone = serializers.CharField()
    timezone = serializers.CharField()
    version = serializers.IntegerField()


class OfficeList(OutputSerializer[Any]):
    offices = OfficeShape(many=True)
    total = serializers.IntegerField()
