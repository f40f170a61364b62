"""Login sessions: one row per sign-in."""

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.second_factor import SecondFactorMethod
from accounts.models.user import User
from core.models import Model


class SignInChannel(models.TextChoices):
    """How a session was started, and what carries it: the contract's cookies, bearer tokens, or the site's
    cookie."""

    API = "api", _("Web app")
    BEARER = "bearer", _("App")
    ADMIN_SITE = "admin_site", _("Website")


class RevocationReason(models.TextChoices):
    """Why a session ended before it expired."""

    SIGNED_OUT = "signed_out", _("Signed out")
    ENDED_ELSEWHERE = "elsewhere", _("Signed out from another session")
    ENDED_BY_ADMIN = "by_admin", _("Signed out by an office manager")
    REUSED = "reused", _("An old session token was used again")
    TIMED_OUT = "timed_out", _("Timed out")
    NEW_PASSWORD = "new_password", _("New password")
    NEW_FACTOR = "new_factor", _("New two-step verification method")
    NEW_ROLE = "new_role", _("New role")
    DEACTIVATED = "deactivated", _("Deactivated")


class LoginSessionQuerySet(models.QuerySet["LoginSession"]):
    def live(self) -> Self:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class LoginSession(Model):
    """One sign-in on one device. Its tokens, or the admin site's cookie, are valid while it is live.

    It is read before the practice is known, so it is not scoped; it is only reached through its user.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    expires_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(default=timezone.now)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=255, blank=True)
    channel = models.CharField(
        max_length=10, choices=SignInChannel.choices, default=SignInChannel.API, db_column="door"
    )
    second_factor = models.CharField(
        max_length=13, choices=SecondFactorMethod.choices, blank=True, help_text="Empty: none was given."
    )
    refresh_hash = models.BinaryField(
        null=True, help_text="Of the refresh token that works now; of bearer clients alone."
    )
    replaced_hash = models.BinaryField(null=True, help_text="Of the one before it.")
    replaced_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revocation_reason = models.CharField(
        max_length=12, choices=RevocationReason.choices, blank=True, db_column="ending"
    )

    audited = False  # accounts/sessions/services.py logs its own events

    objects: ClassVar = LoginSessionQuerySet.as_manager()

    class Meta(Model.Meta):
        db_table = "accounts_session"
        indexes: ClassVar = [
            models.Index(fields=["user"], condition=models.Q(revoked_at=None), name="session_live_of_user")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(revocation_reason="")
                | models.Q(revocation_reason__in=RevocationReason.values, revoked_at__isnull=False),
                name="session_ending_says_why_it_was_revoked",
            ),
            models.CheckConstraint(condition=models.Q(channel__in=SignInChannel.values), name="session_door_known"),
            models.CheckConstraint(
                condition=models.Q(second_factor__in=["", *SecondFactorMethod.values]),
                name="session_second_factor_known",
            ),
            models.CheckConstraint(
                condition=models.Q(refresh_hash=None) | models.Q(channel=SignInChannel.BEARER),
                name="session_refresh_hash_is_a_bearers",
            ),
            models.CheckConstraint(
                condition=models.Q(replaced_hash=None, replaced_at=None)
                | models.Q(replaced_hash__isnull=False, replaced_at__isnull=False),
                name="session_replaced_token_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Session {self.pk}"

    def is_live(self, *, at: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > at
