"""Serializers for mobile apps and other programs, with the field names of the seed documents."""

from typing import Any

from rest_framework import serializers

from accounts.api_clients.refresh_rotation import TokenPair
from accounts.models import SecondFactorMethod
from accounts.roles import NumberedRole
from accounts.sign_in.serializers import MAX_PASSWORD
from core.api.serializers import (
    CredentialField,
    ErrorShape,
    OptionalCharField,
    OutputSerializer,
    StrictSerializer,
)

MAX_TOKEN = 4096


class RefreshInput(StrictSerializer):
    refresh_token = CredentialField(max_length=MAX_TOKEN)


class LogoutInput(StrictSerializer):
    refresh_token = OptionalCharField(max_length=MAX_TOKEN, help_text="For when the access token is gone.")


class RefreshGrant(serializers.Serializer[Any]):
    """RFC 6749 6. Not strict, like the other grant: a parameter that is not recognised must be ignored (3.2)."""

    refresh_token = CredentialField(max_length=MAX_TOKEN)


class PasswordGrant(serializers.Serializer[Any]):
    """RFC 6749 4.3.2."""

    username = CredentialField(max_length=254, help_text="The email.")
    password = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)


class TokenForm(PasswordGrant):
    """Everything the token endpoint accepts, for the schema; what is required depends on `grant_type`."""

    grant_type = serializers.ChoiceField(choices=["password", "refresh_token"], required=False)
    username = CredentialField(max_length=254, required=False, help_text="The email; for `password`.")
    password = CredentialField(max_length=MAX_PASSWORD, required=False, help_text="For `password`.")
    refresh_token = CredentialField(max_length=MAX_TOKEN, required=False, help_text="For `refresh_token`.")


class Tokens(OutputSerializer[TokenPair]):
    """Both are for `Authorization: Bearer …` and POST /auth/refresh, in this order."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds that the access token is good for.")
    refresh_token = serializers.CharField(help_text="Works once; gives the next two.")

    @staticmethod
    def get_token_type(_: TokenPair) -> str:
        return "bearer"


class RoleShape(OutputSerializer[NumberedRole]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()


class OAuthError(ErrorShape):
    """The error fields of RFC 6749 5.2, added to those of every error."""

    error = serializers.CharField()
    error_description = serializers.CharField()
    mfa_required = serializers.BooleanField(required=False)
    methods = serializers.ListField(child=serializers.ChoiceField(choices=SecondFactorMethod.choices), required=False)
    mfa_token = serializers.CharField(required=False, help_text="For POST /auth/mfa.")
