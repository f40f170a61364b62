"""Second factors: authenticator apps, passkeys and recovery codes."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField
from core.models import Model


class SecondFactorMethod(PublicTextChoices):
    """The kinds of second factor."""

    TOTP = "totp", _("Authenticator app")
    PASSKEY = "passkey", _("Passkey")
    RECOVERY_CODE = "recovery_code", _("Recovery code")


class Authenticator(Model):
    """An authenticator app (TOTP, RFC 6238). Like a session, it is only reached through its user.

    It is in use once `confirmed_at` is set, after a first right code. `last_step` is the latest 30-second step whose
    code was used: a code works once, and earlier ones no longer do.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator")
    secret = EncryptedCharField(label="authenticator.secret", max_length=64)  # base32
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)

    audited = False  # accounts/second_factor/ logs its own events

    def __str__(self) -> str:
        return f"Authenticator {str(self.pk)[-6:]}"


class Passkey(Model):
    """A WebAuthn credential; only reached through its user."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = EncryptedCharField(label="passkey.name", max_length=100)
    credential_id = models.BinaryField(unique=True)
    public_key = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)
    transports = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True)

    audited = False  # accounts/second_factor/ logs its own events

    def __str__(self) -> str:
        return f"Passkey {str(self.pk)[-6:]}"


class PasskeyChallenge(Model):
    """A challenge for a passkey to sign. Using it deletes the row, so that no response counts twice."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    value = models.BinaryField(unique=True)
    expires_at = models.DateTimeField()

    audited = False  # a random number without lasting meaning

    def __str__(self) -> str:
        return f"Challenge {str(self.pk)[-6:]}"


class RecoveryCode(Model):
    """A one-time code for a lost second factor, stored as a hash. Only reached through its user."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.BinaryField()
    used_at = models.DateTimeField(null=True)

    audited = False  # accounts/second_factor/ logs its own events

    class Meta(Model.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "code_hash"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"Recovery code {str(self.pk)[-6:]}"
