"""What can be done with accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import log_event
from accounts.mail import send_in_background
from accounts.models import RevocationReason, User
from accounts.password_rules import check_rules
from accounts.roles import Role, public_role
from accounts.sessions import services as sessions
from audit.events import AuditEvent
from core.encryption.keyring import DecryptionError
from core.errors import Conflict, Forbidden, Invalid
from core.languages import speaking
from core.permissions import Permission
from core.tenancy.scope import account_scope, installation_scope, practice_scope
from practices.services import checking_office_exists, create_practice, get_office

# Sent in the transaction of a new account, with `account`, and `date_of_birth` if the person gave it.
account_opened = Signal()

CHANGED_SUBJECT = gettext_lazy("Your email for Praxis was changed")
CHANGED_TEXT = gettext_lazy("""%(manager)s has changed the email address with which you sign in to Praxis.
Links to set a new password no longer come to this address.

If you know about this, there is nothing to do. If you don't, tell somebody else
who manages the practice at once.
""")
ALREADY_HAS_ACCOUNT = gettext_lazy("This email already has an account.")
ROLE_FIELDS = {"specialization": (Role.DOCTOR,), "department": (Role.STAFF, Role.BILLING)}


@transaction.atomic
def register_user(
    *,
    by: User | None,
    email: str,
    name: str,
    password: str | None,
    role: str,
    date_of_birth: date | None = None,
    **details: Any,
) -> User:
    """Create an account in the current practice; for a patient, patients/ also opens a pending chart.

    `by` is None for self-registration and management commands. Without a password nobody can sign in until the person
    has chosen one by a link (accounts/passwords/reset.py). Raises Invalid for a weak password, an email that
    already has an account, or a field that the role does not have.
    """
    user = User(email=email, name=name, role=role, practice=None)
    _set_details(user, details)
    if password is None:
        user.set_unusable_password()
    else:
        set_checked_password(user, password)
    with _unique_email(user):
        user.save()
    log_event(AuditEvent.REGISTERED, user, by=by, as_role=user.role)
    account_opened.send(sender=User, account=user, date_of_birth=date_of_birth)
    return user


@transaction.atomic
def open_practice(
    *, email: str, name: str, password: str | None, practice_name: str = "", timezone: str = "UTC", **details: Any
) -> User:
    """Create a practice and its first office manager, who is returned.

    Raises ValidationError for an unknown time zone, and Invalid like `register_user`.
    """
    practice = create_practice(name=practice_name or "New practice", timezone=timezone)
    with practice_scope(practice.pk):
        return register_user(by=None, email=email, name=name, password=password, role=Role.ADMIN, **details)


@installation_scope()
@transaction.atomic
def ensure_superuser(*, email: str, password: str) -> tuple[User, bool]:
    """Return the platform superuser with this email and whether it was created now; an existing one keeps its password.

    Raises Conflict if the email belongs to someone else, and Invalid for a weak password.
    """
    known = User.all_practices.with_email(email)
    if known is not None:
        if not known.is_superuser:
            raise Conflict(_("This email belongs to a user of a practice, who can't become a superuser."))
        return known, False
    user = User(email=email, name="Platform superuser", role=Role.ADMIN, is_superuser=True)
    set_checked_password(user, password)
    user.save()
    log_event(AuditEvent.REGISTERED, user, as_role="superuser")
    return user, True


@transaction.atomic
def update_profile(*, by: User, **changes: str) -> User:
    """Change one's own name, phone, specialization or department. Raises Invalid for a field that the role does not
    have."""
    (user,) = User.all_practices.lock(by)
    _set_details(user, changes)
    return save_user(user)


@checking_office_exists()
def update_user(*, user: User, by: User, confirmed: User | None = None, **changes: Any) -> User:
    """Change an account, as an office manager.

    `confirmed`, from `confirm_password`, is needed for one's own email, because password reset links go there; of
    another's new email the old address is told. A new role or a deactivation ends the person's sessions. `office_id`
    None means no office. Raises Forbidden if `by` would lock themself out or is no longer a manager, NotFound for an
    unknown office, and Invalid like `register_user`.
    """
    manager, colleague = User.all_practices.lock(by, user)
    if not (manager.is_active and manager.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden(_("You no longer manage this practice."))
    if manager is colleague and "email" in changes and (confirmed is None or confirmed.password != manager.password):
        raise Forbidden(_("Enter your password to change your own email."))
    before, address = (colleague.role, colleague.is_active), _readable_email(colleague)
    colleague.role = changes.pop("role", colleague.role)
    colleague.is_active = changes.pop("is_active", colleague.is_active)
    if manager is colleague and (colleague.role, colleague.is_active) != before:
        raise Forbidden(_("You can't change your own role or deactivate yourself."))
    if "office_id" in changes:
        office_id = changes.pop("office_id")
        colleague.office = get_office(office_id) if office_id else None
    _set_details(colleague, changes)
    if (colleague.role, colleague.is_active) != before:
        _end_sessions_of_changed(colleague, manager, *before)
    with _unique_email(colleague):
        saved = save_user(colleague)
    if manager is not colleague and _readable_email(colleague) != address:
        log_event(AuditEvent.EMAIL_CHANGED, colleague, by=manager)
        if address:
            _notify_old_address(colleague, address, manager)
    return saved


def _readable_email(user: User) -> str | None:
    """Return None if the key is lost: that must not keep a manager from setting another."""
    try:
        return user.email
    except DecryptionError:
        return None


def _notify_old_address(user: User, address: str, by: User) -> None:
    """Links to set a password go to the new address, so whoever changed it could sign in as this person."""
    with speaking((user.language, user.practice.language if user.practice else "")):
        message = EmailMessage(str(CHANGED_SUBJECT), str(CHANGED_TEXT) % {"manager": by.name}, to=[address])
    transaction.on_commit(lambda: send_in_background(message, about_id=str(user.pk), practice_id=user.practice_id))


def _end_sessions_of_changed(user: User, by: User, role: str, is_active: bool) -> None:
    """Log a changed role or status, given the previous ones, and end the person's sessions."""
    if user.role != role:
        log_event(AuditEvent.ROLE_CHANGED, user, by=by, was=role, now=user.role)
    if user.is_active != is_active:
        log_event(AuditEvent.REACTIVATED if user.is_active else AuditEvent.DEACTIVATED, user, by=by)
    sessions.end_all(
        user=user, by=by, reason=RevocationReason.NEW_ROLE if user.is_active else RevocationReason.DEACTIVATED
    )


@transaction.atomic
def set_newcomer_active(*, user: User, by: User, is_active: bool) -> None:
    """Deactivate a patient whose registration is declined, which ends their sessions, or reactivate them.

    The registrations desk deactivates, an office manager reactivates (patients/registrations/services.py). Raises
    Forbidden.
    """
    needed = Permission.MANAGE_USERS if is_active else Permission.CONFIRM_REGISTRATIONS
    desk, newcomer = User.all_practices.lock(by, user)
    if not (desk.is_active and desk.can(needed)) or newcomer.role != Role.PATIENT:
        raise Forbidden(_("Only the front desk can do this, and only for patients."))
    if newcomer.is_active == is_active:
        return
    newcomer.is_active = is_active
    _end_sessions_of_changed(newcomer, desk, newcomer.role, not is_active)
    save_user(newcomer)


@transaction.atomic
def end_sessions(*, user: User, by: User, keep: UUID | None = None) -> None:
    """Sign a person out everywhere, including the admin site and half-finished sign-ins, as an office manager.

    `keep` is one's own current session. Raises Forbidden if `by` is no longer a manager.
    """
    manager, colleague = User.all_practices.lock(by, user)
    if not (manager.is_active and manager.can(Permission.MANAGE_USERS)):
        raise Forbidden(_("You no longer manage this practice."))
    log_event(AuditEvent.ALL_SESSIONS_ENDED, colleague, by=manager)
    reason = RevocationReason.ENDED_ELSEWHERE if manager is colleague else RevocationReason.ENDED_BY_ADMIN
    sessions.end_all(user=colleague, by=manager, reason=reason, keep=keep)
    user.session_epoch = colleague.session_epoch  # for the admin site's own session


def set_checked_password(user: User, password: str) -> None:
    try:
        check_rules(password, user)
    except ValidationError as error:
        raise Invalid("password", " ".join(error.messages)) from error
    user.set_password(password)


def _set_details(user: User, details: dict[str, Any]) -> None:
    for field, value in details.items():
        if value and user.role not in ROLE_FIELDS.get(field, (user.role,)):
            sentence = _("Leave this blank: the role %(role)s doesn't have it.")
            raise Invalid(field, sentence % {"role": public_role(user.role)})
        setattr(user, field, value)


@contextmanager
def _unique_email(user: User) -> Iterator[None]:
    """Turn a violation of the unique email index into Invalid."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if User.all_practices.with_email(user.email) is None:
            raise
        raise Invalid("email", ALREADY_HAS_ACCOUNT) from error


def save_user(user: User) -> User:
    with account_scope(user.practice_id):
        user.save()
    sessions.invalidate_user(user=user)
    return user
