"""Shapes of the practice's accounts, as its office manager sees and changes them."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.roles import REGISTER_ROLES
from accounts.serializers import Profile
from core.api.pages import PageQuery
from core.api.shapes import Shape


class Account(Profile):
    officeId = serializers.UUIDField(allow_null=True)
    isActive = serializers.BooleanField()
    secondFactor = serializers.BooleanField(help_text="They have set up an authenticator app or a passkey.")

    def to_representation(self, instance: User) -> dict[str, Any]:
        return {
            **super().to_representation(instance),
            "officeId": instance.office_id,
            "isActive": instance.is_active,
            "secondFactor": instance.has_second_factor,  # type: ignore[attr-defined] # dashboard/people_views.py
        }


class AccountPage(Shape[Any]):
    users = Account(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()


class AccountQuery(PageQuery):
    """Without `role` the team: everybody but patients. `staff` finds billing administrators too, who show as staff."""

    role = serializers.ChoiceField(choices=REGISTER_ROLES, required=False)


class AccountInput(serializers.Serializer[Any]):
    isActive = serializers.BooleanField(source="is_active", required=False)
    officeId = serializers.UUIDField(
        source="office_id", required=False, allow_null=True, help_text="Where they work, or go; null: in no office."
    )

    def validate(self, change: dict[str, Any]) -> dict[str, Any]:
        if not change:
            raise serializers.ValidationError({"isActive": ["Give isActive, officeId or both."]})
        return change
