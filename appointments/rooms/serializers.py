"""Serializers of rooms."""

from typing import Any

from rest_framework import serializers

from appointments.models import Room
from core.api.serializers import OutputSerializer, StrictBooleanField, StrictCharField, StrictSerializer, UUIDField
from core.api.versions import NO_VERSION, version_field
from core.texts import validate_line


class RoomChange(StrictSerializer):
    name = StrictCharField(max_length=100, validators=[validate_line], required=False)
    active = StrictBooleanField(source="is_active", required=False, help_text="Whether it can be booked.")
    version = version_field()


class RoomInput(RoomChange):
    version = NO_VERSION
    officeId = UUIDField(source="office_id", help_text="Where it is; it stays there.")
    name = StrictCharField(max_length=100, validators=[validate_line])


class RoomQuery(StrictSerializer):
    officeId = UUIDField(source="office_id", required=False)


class RoomShape(OutputSerializer[Room]):
    """A room of an office."""

    id = serializers.UUIDField()
    officeId = serializers.UUIDField(source="office_id")
    name = serializers.CharField()
    active = serializers.BooleanField(source="is_active")
    version = serializers.IntegerField()


class RoomList(OutputSerializer[Any]):
    rooms = RoomShape(many=True)
    total = serializers.IntegerField()
