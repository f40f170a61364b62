"""Serializers of password changes."""

from accounts.sign_in.serializers import MAX_PASSWORD
from core.api.serializers import CredentialField, StrictSerializer


class PasswordInput(StrictSerializer):
    current = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)
    new = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)


class ResetInput(StrictSerializer):
    email = CredentialField(max_length=254)


class ResetConfirmInput(StrictSerializer):
    token = CredentialField(max_length=200)
    password = CredentialField(max_length=MAX_PASSWORD, trim_whitespace=False)
