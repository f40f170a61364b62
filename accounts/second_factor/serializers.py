"""Shapes of two-factor sign-in in the API."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Method, Passkey
from accounts.second_factor.services import Factors, TotpSetup
from accounts.serializers import MAX_PASSWORD
from core.api.shapes import OptionalText, Shape, Text

MAX_MFA_TOKEN = 1024
MAX_CODE = 64  # a recovery code with whatever people put between its letters
MAX_PASSKEY_NAME = 100


@extend_schema_field(OpenApiTypes.OBJECT)
class Credential(serializers.Field[Any, Any, Any, Any]):
    """What `PublicKeyCredential.toJSON()` gives; what is in it is looked at when its signature is."""

    default_error_messages = {"invalid": "Not a JSON object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data


class MfaToken(serializers.Serializer[Any]):
    mfa_token = Text(max_length=MAX_MFA_TOKEN)


class SecondFactorInput(MfaToken):
    method = serializers.ChoiceField(choices=Method.choices)
    code = OptionalText(max_length=MAX_CODE, help_text="For `totp` and `recovery_code`.")
    credential = Credential(required=False, allow_null=True, help_text="For `passkey`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = "credential" if attrs["method"] == Method.PASSKEY else "code"
        if not attrs.get(needed):
            raise serializers.ValidationError({needed: "This field is required."})
        return attrs


class PasswordAgain(serializers.Serializer[Any]):
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)


class CodeInput(serializers.Serializer[Any]):
    code = Text(max_length=MAX_CODE)


class NewPasskeyInput(serializers.Serializer[Any]):
    name = Text(max_length=MAX_PASSKEY_NAME)
    credential = Credential()


class PasskeyShape(Shape[Passkey]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    lastUsedAt = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Passkey) -> dict[str, Any]:
        return {
            "id": instance.pk,
            "name": instance.name,
            "created_at": instance.created_at,
            "lastUsedAt": instance.last_used_at,
        }


class FactorsShape(Shape[Factors]):
    totp = serializers.BooleanField()
    passkeys = PasskeyShape(many=True)
    recoveryCodesLeft = serializers.IntegerField()
    required = serializers.BooleanField(  # type: ignore[assignment]
        help_text="The practice asks for a second factor."
    )

    def to_representation(self, instance: Factors) -> dict[str, Any]:
        return {
            "totp": instance.totp,
            "passkeys": [PasskeyShape.of(passkey) for passkey in instance.passkeys],
            "recoveryCodesLeft": instance.recovery_codes_left,
            "required": instance.required,
        }


class TotpSetupShape(Shape[TotpSetup]):
    secret = serializers.CharField(help_text="In base32; shown this once.")
    uri = serializers.CharField(help_text="For a QR code.")

    def to_representation(self, instance: TotpSetup) -> dict[str, Any]:
        return instance._asdict()


class RecoveryCodes(Shape[list[str]]):
    recoveryCodes = serializers.ListField(
        child=serializers.CharField(), help_text="Shown this once; empty where there are some already."
    )

    def to_representation(self, instance: list[str]) -> dict[str, Any]:
        return {"recoveryCodes": instance}


class PasskeyAdded(Shape[tuple[Passkey, list[str]]]):
    id = serializers.UUIDField()
    recoveryCodes = serializers.ListField(child=serializers.CharField())

    def to_representation(self, instance: tuple[Passkey, list[str]]) -> dict[str, Any]:
        passkey, codes = instance
        return {"id": passkey.pk, "recoveryCodes": codes}
