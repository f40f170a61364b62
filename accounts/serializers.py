"""Shapes of accounts in the API: what the contract takes and gives."""

from typing import Any

from rest_framework import serializers

from accounts.models import Method, User
from accounts.roles import PUBLIC_ROLES, Role, public_role
from accounts.second_factor.asking import SecondFactorAsked
from core.api.shapes import OptionalText, Shape, Text

MAX_PASSWORD = 1024


class LoginInput(serializers.Serializer[Any]):
    email = Text(max_length=254)
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)


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


class SecondFactorNeeded(Shape[SecondFactorAsked]):
    """The password was right; the second factor goes to the door's own `mfa` address, with this token."""

    mfa_required = serializers.BooleanField()
    methods = serializers.ListField(child=serializers.ChoiceField(choices=Method.choices))
    mfa_token = serializers.CharField()

    def to_representation(self, instance: SecondFactorAsked) -> dict[str, Any]:
        return {"mfa_required": True, "methods": instance.methods, "mfa_token": instance.token}


class Profile(UserBrief):
    phone = serializers.CharField()
    specialization = serializers.CharField(required=False, help_text="Doctors only.")
    department = serializers.CharField(required=False, help_text="Staff only.")
    created_at = serializers.DateTimeField()
    officeId = serializers.UUIDField(required=False, help_text="Where they work, or go; stated where it is known.")

    def to_representation(self, instance: User) -> dict[str, Any]:
        profile = {**super().to_representation(instance), "phone": instance.phone}
        if instance.role == Role.DOCTOR:
            profile["specialization"] = instance.specialization
        if public_role(instance.role) == Role.STAFF:
            profile["department"] = instance.department
        profile["created_at"] = instance.created_at
        return {**profile, "officeId": instance.office_id} if instance.office_id else profile


class Message(Shape[str]):
    message = serializers.CharField()

    def to_representation(self, instance: str) -> dict[str, Any]:
        return {"message": instance}
