"""Serializers of appointment types."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from appointments.booking_rules import is_patient
from appointments.models import AppointmentType
from appointments.models.appointment_type import LONGEST, LONGEST_BUFFER, SHORTEST, validate_colour
from core.api.serializers import (
    OptionalCharField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.api.versions import NO_VERSION, version_field
from core.texts import validate_line


class VideoLinkField(OptionalCharField, serializers.URLField):
    """An address that may be missing."""


class TypeChange(StrictSerializer):
    name = StrictCharField(max_length=100, validators=[validate_line], required=False)
    minutes = serializers.IntegerField(min_value=SHORTEST, max_value=LONGEST, required=False)
    bufferBefore = serializers.IntegerField(
        source="buffer_before", min_value=0, max_value=LONGEST_BUFFER, required=False, help_text="Minutes."
    )
    bufferAfter = serializers.IntegerField(
        source="buffer_after", min_value=0, max_value=LONGEST_BUFFER, required=False, help_text="Minutes."
    )
    colour = StrictCharField(max_length=7, validators=[validate_colour], required=False, help_text="Such as #2e7d32.")
    bookableOnline = StrictBooleanField(source="bookable_online", required=False)
    video = StrictBooleanField(required=False, help_text="Otherwise in person.")
    videoLink = VideoLinkField(source="video_link", max_length=500)
    position = serializers.IntegerField(min_value=0, max_value=9999, required=False, help_text="Order in lists.")
    active = StrictBooleanField(source="is_active", required=False, help_text="Whether it can be booked.")
    doctorIds = serializers.ListField(
        source="doctor_ids",
        child=UUIDField(),
        max_length=500,
        required=False,
        help_text="Who offers it; empty: everyone.",
    )
    version = version_field()


class TypeInput(TypeChange):
    version = NO_VERSION
    name = StrictCharField(max_length=100, validators=[validate_line])
    minutes = serializers.IntegerField(min_value=SHORTEST, max_value=LONGEST)


class TypeShape(OutputSerializer[AppointmentType]):
    """A kind of visit."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    minutes = serializers.IntegerField()
    bufferBefore = serializers.IntegerField(source="buffer_before")
    bufferAfter = serializers.IntegerField(source="buffer_after")
    colour = serializers.CharField()
    bookableOnline = serializers.BooleanField(source="bookable_online")
    video = serializers.BooleanField()
    videoLink = serializers.CharField(
        source="video_link", allow_null=True, help_text="Null for patients, whose own visits have it."
    )
    position = serializers.IntegerField()
    active = serializers.BooleanField(source="is_active")
    doctorIds = serializers.ListField(source="doctor_ids", child=serializers.UUIDField())
    version = serializers.IntegerField()

    @staticmethod
    def get_doctor_ids(row: AppointmentType) -> list[Any]:
        return sorted(offer.doctor_id for offer in row.offers.all())

    @classmethod
    def for_user(cls, user: User, row: AppointmentType) -> dict[str, Any]:
        """Return the type as `user` may see it: whoever knows the link can enter somebody else's visit."""
        data = cls.to_dict(row)
        return {**data, "videoLink": None} if is_patient(user) else data


class TypeList(OutputSerializer[Any]):
    appointmentTypes = TypeShape(many=True)
    total = serializers.IntegerField()
