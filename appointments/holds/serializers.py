"""Serializers of holds."""

from typing import Any

from rest_framework import serializers

from appointments.models import SlotHold
from appointments.serializers import MinutesField, TypeField
from core.api.serializers import LocalDateTimeField, OutputSerializer, StrictSerializer, UUIDField


class SlotHoldInput(StrictSerializer):
    doctorId = UUIDField(source="doctor_id")
    date = LocalDateTimeField(help_text="Without an offset: local time of the office, else the practice's.")
    typeId = TypeField()
    minutes = MinutesField()
    officeId = UUIDField(source="office_id", required=False, allow_null=True)


class SlotHoldShape(OutputSerializer[SlotHold]):
    """A slot that is kept for the caller."""

    id = serializers.UUIDField(help_text="Send it as `holdId` with the booking.")
    doctorId = serializers.UUIDField(source="doctor_id")
    date = serializers.DateTimeField(source="starts_at")
    endsAt = serializers.DateTimeField(source="ends_at")
    expiresAt = serializers.DateTimeField(source="expires_at")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What speaks against its time.")

    @staticmethod
    def get_warnings(row: Any) -> list[str]:
        return [str(warning) for warning in row.warnings]
