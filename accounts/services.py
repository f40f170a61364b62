"""What can be done with accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts import sessions
from accounts.lockout import locked_sentence
from accounts.models import Ending, Session, User
from accounts.roles import Permission, Role, public_role
from accounts.sign_in_trail import tell
from audit.events import Kind
from core.errors import Conflict, Forbidden, Invalid, NotSignedIn, Refusal
from core.tenancy import account_scope, installation_scope, practice_scope
from practices.services import create_practice

ROLE_FIELDS = {"specialization": (Role.DOCTOR,), "department": (Role.STAFF, Role.BILLING)}


class LockedOut(Refusal):
    """`retry_after` is in seconds."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(locked_sentence(retry_after))
        self.retry_after = retry_after


def sign_in(*, request: HttpRequest, email: str, password: str) -> Session:
    """A new session for the right email and password. Raises NotSignedIn, and LockedOut from the sixth attempt
    on; neither tells whether the email has an account."""
    user = authenticate(request, username=email, password=password)
    if user is None:
        wait = getattr(request, "lockout_seconds", 0)
        raise LockedOut(wait) if wait else NotSignedIn(sessions.WRONG_CREDENTIALS)
    return sessions.begin(user=user, request=request)


@transaction.atomic
def register_user(*, by: User | None, email: str, name: str, password: str, role: str, **details: str) -> User:
    """A new account in the scope's practice. `by` is None when people register themselves or a command does.
    Raises Invalid for a weak password, an email that has an account, or a detail that the role does not have."""
    user = User(email=email, name=name, role=role, practice=None)
    _set_details(user, details)
    set_checked_password(user, password)
    with _one_account_an_email(user):
        user.save()
    tell(Kind.REGISTERED, user, by=by, as_role=user.role)
    return user


@transaction.atomic
def open_practice(
    *, email: str, name: str, password: str, practice_name: str = "", timezone: str = "UTC", **details: str
) -> User:
    """A new practice with its first office manager, for somebody who signs up and for the platform's command.
    Raises ValidationError for an odd time zone, Invalid as register_user does."""
    practice = create_practice(name=practice_name or "New practice", timezone=timezone, by=None)
    with practice_scope(practice.pk):
        return register_user(by=None, email=email, name=name, password=password, role=Role.ADMIN, **details)


@installation_scope()
@transaction.atomic
def ensure_superuser(*, email: str, password: str) -> tuple[User, bool]:
    """The platform's superuser with this email, and whether it was made just now; one that is there keeps its
    password. Raises Conflict when the email is somebody else's, Invalid for a weak password."""
    known = User.sign_in.with_email(email)
    if known is not None:
        if not known.is_superuser:
            raise Conflict("This email belongs to a user of a practice, who cannot become a superuser.")
        return known, False
    user = User(email=email, name="Platform superuser", role=Role.ADMIN, is_superuser=True)
    set_checked_password(user, password)
    user.save()
    tell(Kind.REGISTERED, user, as_role="superuser")
    return user, True


@transaction.atomic
def update_profile(*, by: User, **changes: str) -> User:
    """Change one's own name, phone, specialization or department; raises Invalid where the role has no such detail."""
    (user,) = _locked(by)
    _set_details(user, changes)
    return _save(user)


@transaction.atomic
def update_user(*, user: User, by: User, **changes: Any) -> User:
    """An office manager changes a colleague. A new role and a deactivation end that person's sessions. Raises
    Forbidden when it would lock out the one who does it, or who no longer manages; Invalid like register_user."""
    manager, colleague = _locked(by, user)
    if not (manager.is_active and manager.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden("You no longer manage this practice.")
    if manager is colleague and {"role", "is_active"} & changes.keys():
        raise Forbidden("You cannot change your own role or deactivate yourself.")
    before = colleague.role, colleague.is_active
    colleague.role = changes.pop("role", colleague.role)
    colleague.is_active = changes.pop("is_active", colleague.is_active)
    _set_details(colleague, changes)
    if (colleague.role, colleague.is_active) != before:
        _end_trust(colleague, manager, *before)
    with _one_account_an_email(colleague):
        return _save(colleague)


def _end_trust(user: User, by: User, role: str, is_active: bool) -> None:
    """They had this role, and were active or not."""
    if user.role != role:
        tell(Kind.ROLE_CHANGED, user, by=by, was=role, now=user.role)
    if user.is_active != is_active:
        tell(Kind.REACTIVATED if user.is_active else Kind.DEACTIVATED, user, by=by)
    sessions.end_all(user=user, by=by, ending=Ending.NEW_ROLE if user.is_active else Ending.DEACTIVATED)


@transaction.atomic
def set_password(*, user: User, by: User, password: str, keep: UUID | None = None) -> None:
    """A new password; it ends every session of this person but `keep`, the one that they do it from. Raises Forbidden
    when `by` was deactivated meanwhile."""
    actor, current = _locked(by, user)
    if not actor.is_active:
        raise Forbidden("Your account is no longer active.")
    set_checked_password(current, password)
    tell(Kind.PASSWORD_CHANGED, current, by=actor)
    sessions.end_all(user=current, by=actor, ending=Ending.NEW_PASSWORD, keep=keep)
    _save(current)
    user.password, user.session_epoch = current.password, current.session_epoch  # for the admin's own session


def _locked(*users: User) -> list[User]:
    """The rows as they are now, in the order given; nobody else changes them before this transaction ends. They are
    locked in one order, so that two managers who change each other wait instead of locking up."""
    rows = {pk: User.sign_in.select_for_update().get(pk=pk) for pk in sorted({user.pk for user in users})}
    return [rows[user.pk] for user in users]


def set_checked_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password", " ".join(error.messages)) from error
    user.set_password(password)


def _set_details(user: User, details: dict[str, Any]) -> None:
    for field, value in details.items():
        if value and user.role not in ROLE_FIELDS.get(field, (user.role,)):
            raise Invalid(field, f"The role {public_role(user.role)} has none.")
        setattr(user, field, value)


@contextmanager
def _one_account_an_email(user: User) -> Iterator[None]:
    """The unique index settles it; raises Invalid for the second."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if User.sign_in.with_email(user.email) is None:
            raise
        raise Invalid("email", "This email already has an account.") from error


def _save(user: User) -> User:
    with account_scope(user.practice_id):
        user.save()
    sessions.user_changed(user=user)
    return user
