"""Serializers of accounts, for their owners and for office managers."""

from rest_framework import serializers

from accounts.models import User
from accounts.roles import REGISTER_ROLES, PublicRole, Role, public_role
from core.api.pagination import PageQuery, PageShape
from core.api.serializers import (
    ChoiceField,
    OptionalCharField,
    OutputSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.texts import validate_line, validate_name, validate_phone


class ProfileInput(StrictSerializer):
    name = StrictCharField(max_length=200, validators=[validate_name], required=False)
    phone = OptionalCharField(max_length=40, validators=[validate_phone])
    specialization = OptionalCharField(max_length=120, validators=[validate_line])
    department = OptionalCharField(max_length=120, validators=[validate_line])


class UserBrief(OutputSerializer[User]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=PublicRole.choices)

    @staticmethod
    def get_role(user: User) -> str:
        return public_role(user.role)


class Profile(UserBrief):
    phone = serializers.CharField()
    specialization = serializers.CharField(required=False, help_text="Doctors only.")
    department = serializers.CharField(required=False, help_text="Staff only.")
    created_at = serializers.DateTimeField()
    officeId = serializers.UUIDField(
        source="office_id", required=False, help_text="Primary office; left out when there is none."
    )

    @staticmethod
    def get_specialization(user: User) -> str | None:
        return user.specialization if user.role == Role.DOCTOR else None

    @staticmethod
    def get_department(user: User) -> str | None:
        return user.department if public_role(user.role) == Role.STAFF else None


class Account(Profile):
    officeId = serializers.UUIDField(source="office_id", allow_null=True)
    isActive = serializers.BooleanField(source="is_active")
    secondFactor = serializers.BooleanField(
        source="has_second_factor", help_text="They have set up an authenticator app or a passkey."
    )


class AccountPage(PageShape):
    users = Account(many=True)


class AccountQuery(PageQuery):
    """Without `role`, everyone but patients. `staff` includes billing administrators, whose public role is staff."""

    role = ChoiceField(choices=REGISTER_ROLES, required=False)


class AccountInput(StrictSerializer):
    isActive = StrictBooleanField(source="is_active", required=False)
    officeId = UUIDField(
        source="office_id", required=False, allow_null=True, help_text="Primary office; null for none."
    )
