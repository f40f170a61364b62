"""Shapes of offices in the API."""

from typing import Any

from rest_framework import serializers

from core.api.shapes import OptionalText, Shape, Text
from practices.models import Office, validate_timezone


class OfficeChange(serializers.Serializer[Any]):
    name = Text(max_length=200, required=False)
    address = OptionalText(max_length=300)
    phone = OptionalText(max_length=40)
    timezone = OptionalText(
        max_length=64, validators=[validate_timezone], help_text="Of the IANA database; empty: the practice's."
    )


class OfficeInput(OfficeChange):
    name = Text(max_length=200)


class OfficeShape(Shape[Office]):
    """A location of the practice. An empty time zone is the practice's."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    address = serializers.CharField()
    phone = serializers.CharField()
    timezone = serializers.CharField()

    def to_representation(self, instance: Office) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "name": instance.name,
            "address": instance.address,
            "phone": instance.phone,
            "timezone": instance.timezone,
        }


class OfficeList(Shape[Any]):
    offices = OfficeShape(many=True)
    total = serializers.IntegerField()
