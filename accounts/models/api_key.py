"""Keys by which a practice's programs call the API."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from core.encryption.fields import EncryptedCharField
from core.permissions import Permission
from core.tenancy.managers import InstallationQuerySet
from core.tenancy.models import PracticeModel
from core.texts import validate_line


class AllPracticesApiKeyManager(models.Manager.from_queryset(InstallationQuerySet)):  # type: ignore[misc]
    """The keys of every practice: a call names its key before its practice is known."""


class ApiKey(PracticeModel):
    """A key of the practice's. It is shown once; `secret_hash` is the SHA-256 of its 256 random bits, so that a dump of
    the database opens nothing, and `prefix` is the part of it that people and logs may see."""

    name = EncryptedCharField(_("name"), label="api_key.name", max_length=120, validators=[validate_line])
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    secret_hash = models.BinaryField(_("hash of the secret"), editable=False)
    permissions = models.JSONField(_("permissions"), default=list)  # names of Permission, in lower case
    made_by = models.ForeignKey(
        User, verbose_name=_("created by"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    unlogged_fields: ClassVar = {"secret_hash", "last_used_at"}

    all_practices: ClassVar[AllPracticesApiKeyManager] = AllPracticesApiKeyManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("API key"), _("API keys")
        default_manager_name = "objects"

    def __str__(self) -> str:
        return f"API key {self.prefix}"

    @property
    def granted(self) -> frozenset[Permission]:
        """The permissions that it names; what a later release no longer knows is left out."""
        names: Any = self.permissions
        return frozenset(one for one in Permission if one.name.lower() in names)
