"""People with an account."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts import visibility
from accounts.roles import PERMISSIONS, Role
from core.encryption.blind_index import email_fingerprint
from core.encryption.fields import EncryptedCharField, EncryptedEmailField
from core.errors import NotFound
from core.permissions import Permission
from core.tenancy.compiled import CompiledQuery
from core.tenancy.managers import InstallationQuerySet, PracticeManager
from core.tenancy.models import PracticeModel
from core.texts import validate_line, validate_name, validate_phone


class AllPracticesUserManager(models.Manager.from_queryset(InstallationQuerySet)):  # type: ignore[misc]
    """The users of every practice, for sign-in and management commands, before any practice scope is open."""

    def with_email(self, email: str) -> "User | None":
        return self.select_related("practice").filter(email_index=email_fingerprint(email)).first()

    def lock(self, *users: "User") -> list["User"]:
        """Lock and return the current rows, in the order given. They are locked in a fixed order, so that two managers
        who change each other do not deadlock."""
        rows = {pk: self.select_for_update().get(pk=pk) for pk in sorted({user.pk for user in users})}
        return [rows[user.pk] for user in users]


class UserManager(PracticeManager):
    """The users of the current practice."""

    def visible_to(self, user: "User") -> models.QuerySet["User"]:
        """Return the users except those whose charts are closed to this person."""
        visible: models.QuerySet[User] = self.exclude(pk__in=visibility.charts().accounts_closed_to(user))
        return visible

    def doctors(self) -> models.QuerySet["User"]:
        doctors: models.QuerySet[User] = self.filter(role=Role.DOCTOR, is_active=True)
        return doctors

    def doctor(self, doctor_id: UUID) -> "User":
        """Return an active doctor, with their practice and office. Raises NotFound."""
        found = _doctor(None, pk=doctor_id).rows(limit=1)
        if not found:
            raise NotFound(_("Doctor not found."))
        doctor = found[0]
        if doctor.office is not None and doctor.practice is not None:
            doctor.office.practice = doctor.practice
        return doctor


@CompiledQuery["User"]
def _doctor(person: None, *, pk: UUID) -> models.QuerySet["User"]:
    return User.objects.doctors().filter(pk=pk).select_related("practice", "office")


class User(AbstractBaseUser, PracticeModel):
    """A person with an account. A platform superuser belongs to no practice, everyone else to exactly one.

    The email identifies the account on the whole installation. It is encrypted like a chart's, since most accounts
    are patients', and found through its fingerprint.
    """

    practice = models.ForeignKey(  # type: ignore[assignment]
        "practices.Practice", null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    email = EncryptedEmailField(_("email"), label="user.email", max_length=254)
    email_index = models.BinaryField(unique=True, editable=False)
    name = EncryptedCharField(_("name"), label="user.name", max_length=200, validators=[validate_name])
    phone = EncryptedCharField(_("phone"), label="user.phone", max_length=40, blank=True, validators=[validate_phone])
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    office = models.ForeignKey(
        "practices.Office",
        verbose_name=_("office"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Primary office."),
    )
    specialization = models.CharField(
        _("specialization"), max_length=120, blank=True, validators=[validate_line], help_text=_("Doctors only.")
    )
    department = models.CharField(
        _("department"), max_length=120, blank=True, validators=[validate_line], help_text=_("Staff only.")
    )
    language = models.CharField(_("language"), max_length=10, blank=True, default="", editable=False)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Turn off to block sign-in and end all sessions.")
    )
    is_superuser = models.BooleanField(_("superuser"), default=False, editable=False)
    session_epoch = models.PositiveIntegerField(
        default=0, editable=False, help_text="Sessions of the admin site that began in an earlier epoch have ended."
    )
    last_login = None  # LoginSession has it, for each device

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    not_bulk_updatable = frozenset({"email"})
    second_factor_due = False  # of the current session (accounts/sessions/services.py)
    session_id: UUID | None = None  # of the current session, if a token named it
    api_key_id: UUID | None = None  # of the program that acts for them (accounts/api_keys)
    granted: frozenset[Permission] | None = None  # to that program; None: all that the role has
    chart_ids: list[UUID] | None = None  # of a patient's account, set by `attach_charts`

    objects: ClassVar[UserManager] = UserManager()
    all_practices: ClassVar[AllPracticesUserManager] = AllPracticesUserManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("person"), _("people")
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
        pass  # AbstractBaseUser would use the default manager; save() normalises the email

    def enter_scope(self) -> None:
        if not self.is_superuser:
            super().enter_scope()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if "email" not in self.get_deferred_fields():
            self.email = self.email.strip()
            self.email_index = email_fingerprint(self.email)
        super().save(*args, **kwargs)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return the hash that binds an admin session to this row: a new password or session epoch ends it."""
        return salted_hmac(
            "accounts.User.session", f"{self.password}{self.session_epoch}", secret=secret, algorithm="sha256"
        ).hexdigest()

    def about_patients(self) -> list[UUID]:
        """Return the chart of a patient's account; `attach_charts` must have been called."""
        return self.chart_ids or []

    def can(self, permission: Permission) -> bool:
        """Return whether the role has this permission (accounts/roles.py), and the API key, if a program acts."""
        return permission in PERMISSIONS[self.role] and (self.granted is None or permission in self.granted)

    @property
    def is_program(self) -> bool:
        """Whether an API key acts in this person's name."""
        return self.granted is not None

    @property
    def counted_as(self) -> str:
        """Whose calls are counted together: a program's apart from those of who made its key."""
        return str(self.api_key_id or self.pk)

    def get_full_name(self) -> str:
        """Return the name that the admin site greets with."""
        return self.name

    # Required by django.contrib.admin; ModelAdmins check permissions per model with `can`.
    @property
    def is_staff(self) -> bool:
        return self.is_active and (self.is_superuser or self.can(Permission.USE_ADMIN_SITE))

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False: Django's model permissions are not used."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


def attach_charts(accounts: Iterable[User]) -> None:
    """Set the chart of each account (`about_patients`), in one query."""
    accounts = list(accounts)
    charts = visibility.charts().charts_of_accounts([account.pk for account in accounts])
    for account in accounts:
        account.chart_ids = charts.get(account.pk, [])


def display_name(user: User | None) -> str:
    """Return the name of a person who did something in a practice. Row-level security hides platform superusers from a
    practice, so they are named by what they are, and queries must not join them."""
    return str(_("the administrator of this server")) if user is None or user.is_superuser else str(user.name)
