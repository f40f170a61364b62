"""Shapes of accounts in the API: what the contract takes and gives."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.roles import PUBLIC_ROLES, REGISTER_ROLES, Role, public_role
from core.api.shapes import OptionalText, Shape, Text

MAX_PASSWORD = 1024


class LoginInput(serializers.Serializer[Any]):
    email = Text(max_length=254)
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)


class RegisterInput(serializers.Serializer[Any]):
    name = Text(max_length=200)
    email = serializers.EmailField(max_length=254)
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)
    role = serializers.ChoiceField(choices=REGISTER_ROLES)
    phone = OptionalText(max_length=40)
    specialization = OptionalText(max_length=120)
    department = OptionalText(max_length=120)
    joinCode = OptionalText(max_length=20, source="join_code")


class ProfileInput(serializers.Serializer[Any]):
    name = Text(max_length=200, required=False)
    phone = OptionalText(max_length=40)
    specialization = OptionalText(max_length=120)
    department = OptionalText(max_length=120)


class UserBrief(Shape[User]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=PUBLIC_ROLES)

    def to_representation(self, instance: User) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "email": instance.email,
            "name": instance.name,
            "role": public_role(instance.role),
        }


class SignedIn(Shape[User]):
    user = UserBrief()

    def to_representation(self, instance: User) -> dict[str, Any]:
        return {"user": UserBrief.of(instance)}


class Profile(UserBrief):
    phone = serializers.CharField()
    specialization = serializers.CharField(required=False, help_text="Doctors only.")
    department = serializers.CharField(required=False, help_text="Staff only.")
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: User) -> dict[str, Any]:
        profile = {**super().to_representation(instance), "phone": instance.phone}
        if instance.role == Role.DOCTOR:
            profile["specialization"] = instance.specialization
        if public_role(instance.role) == Role.STAFF:
            profile["department"] = instance.department
        return {**profile, "created_at": instance.created_at}


class Message(Shape[str]):
    message = serializers.CharField()

    def to_representation(self, instance: str) -> dict[str, Any]:
        return {"message": instance}
