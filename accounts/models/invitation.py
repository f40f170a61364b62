"""Invitations: how an account is opened for somebody, without anybody else knowing its password."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from accounts.roles import Role
from core.encryption.blind_index import email_fingerprint
from core.encryption.fields import EncryptedCharField, EncryptedEmailField
from core.tenancy.managers import InstallationQuerySet
from core.tenancy.models import PracticeModel
from core.texts import validate_name


class AllPracticesInvitationManager(models.Manager.from_queryset(InstallationQuerySet)):  # type: ignore[misc]
    """The invitations of every practice: a link is opened before its practice is known."""


class Invitation(PracticeModel):
    """An account that somebody may open by the link that they were sent. `token_hash` is the SHA-256 of the link's
    random token, so that a database dump reveals no link."""

    name = EncryptedCharField(_("name"), label="invitation.name", max_length=200, validators=[validate_name])
    email = EncryptedEmailField(_("email"), label="invitation.email", max_length=254)
    email_index = models.BinaryField(editable=False)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    invited_by = models.ForeignKey(
        User, verbose_name=_("invited by"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    token_hash = models.BinaryField(unique=True, editable=False)
    sent_at = models.DateTimeField(_("sent"), editable=False)
    expires_at = models.DateTimeField(_("expires"), editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    not_bulk_updatable = frozenset({"email"})

    all_practices: ClassVar[AllPracticesInvitationManager] = AllPracticesInvitationManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("invitation"), _("invitations")
        default_manager_name = "objects"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["practice", "email_index"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="invitation_waits_once_per_email",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
        ]

    def __str__(self) -> str:
        return f"Invitation {str(self.pk)[-6:]}"

    def save(self, *args: object, **kwargs: object) -> None:
        if "email" not in self.get_deferred_fields():
            self.email = self.email.strip()
            self.email_index = email_fingerprint(self.email)
        super().save(*args, **kwargs)
