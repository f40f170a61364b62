"""Serializers of two-factor sign-in."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Passkey, SecondFactorMethod
from accounts.second_factor.services import Factors, TotpSetup
from accounts.sign_in.serializers import MAX_PASSWORD
from core.api.sentences import OBJECT
from core.api.serializers import (
    ChoiceField,
    CredentialField,
    OptionalCharField,
    OutputSerializer,
    StrictCharField,
    StrictSerializer,
)
from core.texts import validate_line

MAX_MFA_TOKEN = 1024
MAX_CODE = 64  # a recovery code with separators
MAX_PASSKEY_NAME = 100


@extend_schema_field(OpenApiTypes.OBJECT)
class Credential(serializers.Field[Any, Any, Any, Any]):
    """The result of `PublicKeyCredential.toJSON()`; its contents are verified with its signature."""

    default_error_messages = {"invalid": OBJECT}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data


class MfaToken(StrictSerializer):
    mfa_token = CredentialField(max_length=MAX_MFA_TOKEN)


class SecondFactorInput(MfaToken):
    method = ChoiceField(choices=SecondFactorMethod.choices)
    code = OptionalCharField(max_length=MAX_CODE, validators=[], help_text="For `totp` and `recovery_code`.")
    credential = Credential(required=False, allow_null=True, help_text="For `passkey`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = "credential" if attrs["method"] == SecondFactorMethod.PASSKEY else "code"
        if not attrs.get(needed):
            raise serializers.ValidationError({needed: self.fields[needed].error_messages["required"]})
        return attrs


class PasswordAgain(StrictSerializer):
    password = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)


class CodeInput(StrictSerializer):
    code = CredentialField(max_length=MAX_CODE)


class NewPasskeyInput(StrictSerializer):
    name = StrictCharField(max_length=MAX_PASSKEY_NAME, validators=[validate_line])
    credential = Credential()


class PasskeyShape(OutputSerializer[Passkey]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True)


class FactorsShape(OutputSerializer[Factors]):
    totp = serializers.BooleanField()
    passkeys = PasskeyShape(many=True)
    recoveryCodesLeft = serializers.IntegerField(source="recovery_codes_left")
    required = serializers.BooleanField(  # type: ignore[assignment]
        help_text="The practice requires two-step verification."
    )


class TotpSetupShape(OutputSerializer[TotpSetup]):
    secret = serializers.CharField(help_text="In base32; shown only once.")
    uri = serializers.CharField(help_text="For a QR code.")


class RecoveryCodes(OutputSerializer[list[str]]):
    recoveryCodes = serializers.ListField(
        source="*", child=serializers.CharField(), help_text="Shown only once; empty if there are some already."
    )


class PasskeyAdded(OutputSerializer[tuple[Passkey, list[str]]]):
    id = serializers.UUIDField()
    recoveryCodes = serializers.ListField(source="codes", child=serializers.CharField())

    @staticmethod
    def get_id(added: tuple[Passkey, list[str]]) -> UUID:
        return added[0].pk

    @staticmethod
    def get_codes(added: tuple[Passkey, list[str]]) -> list[str]:
        return added[1]
