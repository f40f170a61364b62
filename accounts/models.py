"""People who sign in, and their sessions."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.roles import PERMISSIONS, Permission, Role
from core.encryption.blind_index import email_fingerprint
from core.encryption.fields import EncryptedCharField, EncryptedEmailField
from core.errors import Missing
from core.models import Model
from core.tenancy import InstallationQuerySet, PracticeManager, PracticeModel


class SignInManager(models.Manager.from_queryset(InstallationQuerySet)):  # type: ignore[misc]
    """Every user of every practice: for sign-in and the platform's commands, where no scope can be open yet."""

    def with_email(self, email: str) -> "User | None":
        return self.select_related("practice").filter(email_index=email_fingerprint(email)).first()


class UserManager(PracticeManager):
    """The scope's users."""

    def doctors(self) -> models.QuerySet["User"]:
        doctors: models.QuerySet[User] = self.filter(role=Role.DOCTOR, is_active=True)
        return doctors

    def doctor(self, doctor_id: UUID) -> "User":
        """Raises Missing."""
        try:
            return self.doctors().get(pk=doctor_id)
        except User.DoesNotExist as error:
            raise Missing("There is no such doctor.") from error


class User(AbstractBaseUser, PracticeModel):
    """A person with an account. A platform superuser belongs to no practice; everybody else to exactly one.

    The email identifies the account on the whole installation. It is encrypted like a chart's, since most accounts
    are patients', and found through its fingerprint.
    """

    practice = models.ForeignKey(  # type: ignore[assignment]
        "practices.Practice", null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    email = EncryptedEmailField(label="user.email", max_length=254)
    email_index = models.BinaryField(unique=True, editable=False)
    name = EncryptedCharField(label="user.name", max_length=200)
    phone = EncryptedCharField(label="user.phone", max_length=40, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices)
    specialization = models.CharField(max_length=120, blank=True, help_text="Doctors only.")
    department = models.CharField(max_length=120, blank=True, help_text="Staff only.")
    is_active = models.BooleanField(default=True, help_text="Unset it to end all sessions and refuse sign-in.")
    is_superuser = models.BooleanField(default=False, editable=False)
    session_epoch = models.PositiveIntegerField(
        default=0, editable=False, help_text="Sessions of the admin site that began in an earlier epoch have ended."
    )
    last_login = None  # the sessions below tell it, for each device

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    saved_one_by_one = frozenset({"email"})

    objects: ClassVar[UserManager] = UserManager()
    sign_in: ClassVar[SignInManager] = SignInManager()

    class Meta(PracticeModel.Meta):
        indexes: ClassVar = [models.Index(fields=["practice", "role", "id"], name="user_practice_role")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_known"),
            models.CheckConstraint(
                condition=models.Q(practice__isnull=False, is_superuser=False)
                | models.Q(practice__isnull=True, is_superuser=True),
                name="user_has_practice_unless_superuser",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {str(self.pk)[-6:]}"

    def clean(self) -> None:
        pass  # AbstractBaseUser would normalise the email through the default manager; save() does it

    def enter_scope(self) -> None:
        if not self.is_superuser:
            super().enter_scope()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if "email" not in self.get_deferred_fields():
            self.email = self.email.strip()
            self.email_index = email_fingerprint(self.email)
        super().save(*args, **kwargs)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What ties a session of the admin site to this row: it ends with the password and with the epoch."""
        return salted_hmac(
            "accounts.User.session", f"{self.password}{self.session_epoch}", secret=secret, algorithm="sha256"
        ).hexdigest()

    def can(self, permission: Permission) -> bool:
        """Whether the role's line in accounts/roles.py holds this permission."""
        return permission in PERMISSIONS[self.role]

    def get_full_name(self) -> str:
        """What the admin site greets with."""
        return self.name

    # What django.contrib.admin asks of a user; ModelAdmins answer per model through `can`.
    @property
    def is_staff(self) -> bool:
        return self.is_active and (self.is_superuser or self.can(Permission.USE_ADMIN_SITE))

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's model permissions are not used: default deny."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Ending(models.TextChoices):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out", "Signed out"
    TIMED_OUT = "timed_out", "Timed out"
    NEW_PASSWORD = "new_password", "New password"
    NEW_ROLE = "new_role", "New role"
    DEACTIVATED = "deactivated", "Deactivated"


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> Self:
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class Session(Model):
    """One sign-in on one device. Its tokens, or the admin site's cookie, are good as long as it is live.

    Read before a practice is known, so it is not scoped; it is only ever reached through its user.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    expires_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(default=timezone.now)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=255, blank=True)
    revoked_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=12, choices=Ending.choices, blank=True)

    audited = False  # accounts/sessions.py tells what happens to a session in the words of signing in

    objects: ClassVar = SessionQuerySet.as_manager()

    class Meta(Model.Meta):
        indexes: ClassVar = [
            models.Index(fields=["user"], condition=models.Q(revoked_at=None), name="session_live_of_user")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(ending="") | models.Q(ending__in=Ending.values, revoked_at__isnull=False),
                name="session_ending_says_why_it_was_revoked",
            )
        ]

    def __str__(self) -> str:
        return f"Session {self.pk}"

    def is_live(self, *, at: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > at
