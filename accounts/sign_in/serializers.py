"""Serializers of sign-in."""

from rest_framework import serializers

from accounts.models import SecondFactorMethod, User
from accounts.second_factor_challenge import SecondFactorChallenge
from accounts.users.serializers import UserBrief
from core.api.serializers import CredentialField, OutputSerializer, StrictSerializer

MAX_PASSWORD = 1024


class LoginInput(StrictSerializer):
    email = CredentialField(max_length=254)
    password = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)


class SignedIn(OutputSerializer[User]):
    user = UserBrief(source="*")


class SecondFactorNeeded(OutputSerializer[SecondFactorChallenge]):
    """The password was right; send the second factor with this token to the `mfa` endpoint beside this one."""

    mfa_required = serializers.BooleanField()
    methods = serializers.ListField(child=serializers.ChoiceField(choices=SecondFactorMethod.choices))
    mfa_token = serializers.CharField(source="token")

    @staticmethod
    def get_mfa_required(_: SecondFactorChallenge) -> bool:
        return True


class Message(OutputSerializer[str]):
    message = serializers.CharField(source="*")
