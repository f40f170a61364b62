"""Shapes of registration by mobile apps and of the way to one's doctor, as the documents name their fields."""

from typing import Any

from rest_framework import serializers

from accounts.roles import NUMBERED_ROLES
from accounts.serializers import MAX_PASSWORD
from core.api.shapes import Shape, Text


class MobileRegisterInput(serializers.Serializer[Any]):
    name = Text(max_length=200)
    email = serializers.EmailField(max_length=254)
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)
    role_id = serializers.ChoiceField(choices=[role.id for role in NUMBERED_ROLES], help_text="Of GET /auth/roles.")
    office_id = serializers.UUIDField()


class AssociateInput(serializers.Serializer[Any]):
    join_code = Text(max_length=20)


class Registered(Shape[Any]):
    user_id = serializers.UUIDField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {"user_id": instance.pk}


class Associated(Shape[Any]):
    chiro_id = serializers.UUIDField()
    office_id = serializers.UUIDField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {"chiro_id": instance.doctor_id, "office_id": instance.office_id}
