"""Shapes of the doors for mobile apps and other programs, as the documents name their fields."""

from typing import Any

from rest_framework import serializers

from accounts.bearer import Pair
from accounts.models import Method
from accounts.roles import NumberedRole
from accounts.serializers import MAX_PASSWORD
from core.api.shapes import ErrorShape, OptionalText, Shape, Text

MAX_TOKEN = 4096


class RefreshInput(serializers.Serializer[Any]):
    refresh_token = Text(max_length=MAX_TOKEN)


class LogoutInput(serializers.Serializer[Any]):
    refresh_token = OptionalText(max_length=MAX_TOKEN, help_text="Where the access token is gone.")


class PasswordGrant(serializers.Serializer[Any]):
    """RFC 6749 4.3.2."""

    username = Text(max_length=254, help_text="The email.")
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)


class TokenForm(PasswordGrant):
    """What the token endpoint takes, for the schema; which of it is needed hangs on `grant_type`."""

    grant_type = serializers.ChoiceField(choices=["password", "refresh_token"], required=False)
    username = Text(max_length=254, required=False, help_text="The email; for `password`.")
    password = Text(max_length=MAX_PASSWORD, required=False, help_text="For `password`.")
    refresh_token = Text(max_length=MAX_TOKEN, required=False, help_text="For `refresh_token`.")


class Tokens(Shape[Pair]):
    """Both are for `Authorization: Bearer …` and POST /auth/refresh, in this order."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds that the access token is good for.")
    refresh_token = serializers.CharField(help_text="Works once; gives the next two.")

    def to_representation(self, instance: Pair) -> dict[str, Any]:
        return {
            "access_token": instance.access_token,
            "token_type": "bearer",
            "expires_in": instance.expires_in,
            "refresh_token": instance.refresh_token,
        }


class RoleShape(Shape[NumberedRole]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()

    def to_representation(self, instance: NumberedRole) -> dict[str, Any]:
        return {"id": instance.id, "name": instance.name, "description": instance.description}


class OAuthError(ErrorShape):
    """RFC 6749 5.2, beside what every error here says."""

    error = serializers.CharField()
    error_description = serializers.CharField()
    mfa_required = serializers.BooleanField(required=False)
    methods = serializers.ListField(child=serializers.ChoiceField(choices=Method.choices), required=False)
    mfa_token = serializers.CharField(required=False, help_text="For POST /auth/mfa.")
