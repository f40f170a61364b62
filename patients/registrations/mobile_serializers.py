"""Serializers of the mobile registration API; field names as in seed 1-hipaa-auth.md."""

from typing import Any

from rest_framework import serializers

from accounts.roles import NUMBERED_ROLES
from accounts.sign_in.serializers import MAX_PASSWORD
from core.api.serializers import (
    ChoiceField,
    CredentialField,
    EmailField,
    OutputSerializer,
    StrictCharField,
    StrictSerializer,
    UUIDField,
)
from core.texts import validate_name


class MobileRegisterInput(StrictSerializer):
    name = StrictCharField(max_length=200, validators=[validate_name])
    email = EmailField(max_length=254)
    password = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)
    role_id = ChoiceField(choices=[role.id for role in NUMBERED_ROLES], help_text="From GET /auth/roles.")
    office_id = UUIDField()


class AssociateInput(StrictSerializer):
    join_code = CredentialField(max_length=20)


class Registered(OutputSerializer[Any]):
    user_id = serializers.UUIDField(source="pk")


class Associated(OutputSerializer[Any]):
    chiro_id = serializers.UUIDField(source="doctor_id")
    office_id = serializers.UUIDField()
