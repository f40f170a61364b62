"""People who sign in, their sessions, what they prove themselves with beside a password, and join codes."""

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
    office = models.ForeignKey(
        "practices.Office",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Where they work, or go.",
    )
    specialization = models.CharField(max_length=120, blank=True, help_text="Doctors only.")
    department = models.CharField(max_length=120, blank=True, help_text="Staff only.")
    is_active = models.BooleanField(
        "active", default=True, help_text="Unset it to end all sessions and refuse sign-in."
    )
    is_superuser = models.BooleanField(default=False, editable=False)
    session_epoch = models.PositiveIntegerField(
        default=0, editable=False, help_text="Sessions of the admin site that began in an earlier epoch have ended."
    )
    last_login = None  # the sessions below tell it, for each device

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    saved_one_by_one = frozenset({"email"})
    second_factor_due = False  # of the session that they were read with (accounts/sessions.py)
    session_id: UUID | None = None  # and its id, where a token named it

    objects: ClassVar[UserManager] = UserManager()
    sign_in: ClassVar[SignInManager] = SignInManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = "person", "people"
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


def known_as(user: User | None) -> str:
    """The name of who did something in a practice. A platform superuser stands behind its wall (row-level security):
    there is none to be read, so what they are is told instead; and no join may ask for them."""
    return "platform superuser" if user is None or user.is_superuser else str(user.name)


class Door(models.TextChoices):
    """Where a session was begun, and what keeps it: the contract's cookies, bearer tokens, the admin's cookie."""

    API = "api", "Web app"
    BEARER = "bearer", "App"
    ADMIN_SITE = "admin_site", "Admin site"


class Method(models.TextChoices):
    """What a person proves themself with beside the password."""

    TOTP = "totp", "Authenticator app"
    PASSKEY = "passkey", "Passkey"
    RECOVERY_CODE = "recovery_code", "Recovery code"


class Ending(models.TextChoices):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out", "Signed out"
    ENDED_ELSEWHERE = "elsewhere", "Ended from another session"
    ENDED_BY_ADMIN = "by_admin", "Ended by an office manager"
    REUSED = "reused", "An old refresh token was used again"
    TIMED_OUT = "timed_out", "Timed out"
    NEW_PASSWORD = "new_password", "New password"
    NEW_FACTOR = "new_factor", "New second factor"
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
    door = models.CharField(max_length=10, choices=Door.choices, default=Door.API)
    second_factor = models.CharField(
        max_length=13, choices=Method.choices, blank=True, help_text="Empty: none was given."
    )
    refresh_hash = models.BinaryField(
        null=True, help_text="Of the refresh token that works now; of bearer clients alone."
    )
    replaced_hash = models.BinaryField(null=True, help_text="Of the one before it.")
    replaced_at = models.DateTimeField(null=True)
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
            ),
            models.CheckConstraint(condition=models.Q(door__in=Door.values), name="session_door_known"),
            models.CheckConstraint(
                condition=models.Q(second_factor__in=["", *Method.values]), name="session_second_factor_known"
            ),
            models.CheckConstraint(
                condition=models.Q(refresh_hash=None) | models.Q(door=Door.BEARER),
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


class Authenticator(Model):
    """An authenticator app (TOTP, RFC 6238). Like a session it is only ever reached through its user.

    It is asked for once `confirmed_at` says that it has shown a right code. `last_step` is the latest 30-second step
    whose code was taken: a code is taken once, and none before it afterwards.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator")
    secret = EncryptedCharField(label="authenticator.secret", max_length=64)  # base32
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)

    audited = False  # accounts/second_factor/ tells what happens to it in the words of signing in

    def __str__(self) -> str:
        return f"Authenticator {str(self.pk)[-6:]}"


class Passkey(Model):
    """A WebAuthn credential; only ever reached through its user."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = EncryptedCharField(label="passkey.name", max_length=100)
    credential_id = models.BinaryField(unique=True)
    public_key = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)
    transports = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True)

    audited = False  # accounts/second_factor/ tells what happens to it in the words of signing in

    def __str__(self) -> str:
        return f"Passkey {str(self.pk)[-6:]}"


class PasskeyChallenge(Model):
    """A challenge that a passkey is to sign. It is used up by deleting its row, so that no answer counts twice."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    value = models.BinaryField(unique=True)
    expires_at = models.DateTimeField()

    audited = False  # a number that nothing depends on a minute later

    def __str__(self) -> str:
        return f"Challenge {str(self.pk)[-6:]}"


class RecoveryCode(Model):
    """Opens an account once, where the second factor is lost; stored as a hash. Only ever reached through its user."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    code_hash = models.BinaryField()
    used_at = models.DateTimeField(null=True)

    audited = False  # accounts/second_factor/ tells what happens to it in the words of signing in

    class Meta(Model.Meta):
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "code_hash"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"Recovery code {str(self.pk)[-6:]}"


class JoinCodeManager(models.Manager.from_queryset(InstallationQuerySet)):  # type: ignore[misc]
    """Every code of every practice: for somebody who registers, of whom no practice is known yet."""


class JoinCode(PracticeModel):
    """What a patient types to come to a doctor in an office. The code itself is shown once, when it is made;
    `code_index` is its keyed hash, so that a dump of the database opens nothing."""

    doctor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    office = models.ForeignKey("practices.Office", on_delete=models.PROTECT, related_name="+")
    code_index = models.BinaryField(unique=True, editable=False)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True)
    most_uses = models.PositiveIntegerField(null=True, help_text="Empty: as often as people come.")
    uses = models.PositiveIntegerField(default=0)
    withdrawn_at = models.DateTimeField(null=True)

    anywhere: ClassVar[JoinCodeManager] = JoinCodeManager()

    class Meta(PracticeModel.Meta):
        default_manager_name = "objects"
        indexes: ClassVar = [models.Index(fields=["practice", "doctor", "id"], name="join_code_of_doctor")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(most_uses=None) | models.Q(uses__lte=models.F("most_uses")),
                name="join_code_used_no_more_than_it_may_be",
            )
        ]

    def __str__(self) -> str:
        return "Join code"  # letters of the key would look like one

    @property
    def name(self) -> str:
        """Whom it leads to: what its page is headed with."""
        return f"{self.doctor.name}, {self.office.name}"
