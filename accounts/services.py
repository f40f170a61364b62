"""What can be done with accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts import lockout, sessions
from accounts.lockout import locked_sentence
from accounts.models import Door, Ending, Session, User
from accounts.roles import Permission, Role, public_role
from accounts.second_factor.asking import SecondFactorAsked, methods_of, token_for
from accounts.sign_in_trail import tell
from audit.events import Kind, Outcome
from core.errors import Conflict, Forbidden, Invalid, NotSignedIn, Refusal
from core.tenancy import account_scope, installation_scope, practice_scope
from practices.services import create_practice, naming_an_office, office_of

ROLE_FIELDS = {"specialization": (Role.DOCTOR,), "department": (Role.STAFF, Role.BILLING)}


class LockedOut(Refusal):
    """`retry_after` is in seconds."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(locked_sentence(retry_after))
        self.retry_after = retry_after


def sign_in(*, request: HttpRequest, email: str, password: str, door: Door = Door.API) -> Session | SecondFactorAsked:
    """A new session for the right email and password, or what asks for the second factor where one is set up. Raises
    NotSignedIn, and LockedOut from the sixth attempt on; neither tells whether the email has an account."""
    user = authenticate(request, username=email, password=password)
    if user is None:
        wait = getattr(request, "lockout_seconds", 0)
        raise LockedOut(wait) if wait else NotSignedIn(sessions.WRONG_CREDENTIALS)
    assert isinstance(user, User)
    methods = methods_of(user)
    if methods:
        return SecondFactorAsked(token_for(user, door), methods)
    return sessions.begin(user=user, request=request, door=door)


def take_attempt(counted: str, user: User, *, by: User | None = None, **details: Any) -> None:
    """One of the attempts counted under this key, to prove that one is `user`. Raises LockedOut, which is told with the
    details, and Unavailable."""
    wait = lockout.reserve(counted)
    if wait:
        tell(Kind.LOCKED_OUT, user, by=by, outcome=Outcome.REFUSED, **details)
        raise LockedOut(wait)


def confirm_password(*, by: User, password: str) -> User:
    """Ask somebody who is signed in for their password once more; their row as it is now. Wrong ones are counted by
    themselves: who guesses at sign-in, which anybody may, keeps nobody from it here. Raises Invalid, LockedOut from the
    sixth attempt on, and NotSignedIn where the account has been deactivated meanwhile."""
    with installation_scope():
        user = User.sign_in.select_related("practice").get(pk=by.pk)
    counted = lockout.password_key(user.pk)
    take_attempt(counted, user, by=by)
    if not user.is_active:
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    if not check_password(password, user.password):
        tell(Kind.SIGN_IN_FAILED, user, by=by, outcome=Outcome.FAILED, reason="wrong_password")
        raise Invalid("password", "This is not your password.")
    lockout.clear(counted)
    return user


@transaction.atomic
def register_user(*, by: User | None, email: str, name: str, password: str, role: str, **details: Any) -> User:
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
    (user,) = locked(by)
    _set_details(user, changes)
    return _save(user)


@naming_an_office()
def update_user(*, user: User, by: User, confirmed: User | None = None, **changes: Any) -> User:
    """An office manager changes a colleague, or themself: `confirmed` is what `confirm_password` gave, and their own
    email takes it, for that is where a forgotten password's link goes. A new role and a deactivation end that person's
    sessions. `office_id` is None for no office. Raises Forbidden when it would lock out the one who does it, or who no
    longer manages; Missing for an office that the practice has not; Invalid like register_user."""
    manager, colleague = locked(by, user)
    if not (manager.is_active and manager.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden("You no longer manage this practice.")
    if manager is colleague and {"role", "is_active"} & changes.keys():
        raise Forbidden("You cannot change your own role or deactivate yourself.")
    if manager is colleague and "email" in changes and (confirmed is None or confirmed.password != manager.password):
        raise Forbidden("Your own email is changed with your password.")
    before = colleague.role, colleague.is_active
    colleague.role = changes.pop("role", colleague.role)
    colleague.is_active = changes.pop("is_active", colleague.is_active)
    if "office_id" in changes:
        office_id = changes.pop("office_id")
        colleague.office = office_of(office_id) if office_id else None
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
def admit_newcomer(*, user: User, by: User, is_active: bool) -> None:
    """The registrations desk turns somebody away whose registration it declines, which ends their sessions; an office
    manager lets them in again. A patient, and nothing else of the account (patients/registrations.py). Raises
    Forbidden."""
    needed = Permission.MANAGE_USERS if is_active else Permission.CONFIRM_REGISTRATIONS
    desk, newcomer = locked(by, user)
    if not (desk.is_active and desk.can(needed)) or newcomer.role != Role.PATIENT:
        raise Forbidden("The registrations desk alone does this, and with patients alone.")
    if newcomer.is_active == is_active:
        return
    newcomer.is_active = is_active
    _end_trust(newcomer, desk, newcomer.role, not is_active)
    _save(newcomer)


@transaction.atomic
def end_sessions(*, user: User, by: User, keep: UUID | None = None) -> None:
    """An office manager signs a colleague, or themself but for `keep`, out everywhere: the admin site's sessions too,
    and sign-ins that are half done. Raises Forbidden where they no longer manage."""
    manager, colleague = locked(by, user)
    if not (manager.is_active and manager.can(Permission.MANAGE_USERS)):
        raise Forbidden("You no longer manage this practice.")
    tell(Kind.ALL_SESSIONS_ENDED, colleague, by=manager)
    ending = Ending.ENDED_ELSEWHERE if manager is colleague else Ending.ENDED_BY_ADMIN
    sessions.end_all(user=colleague, by=manager, ending=ending, keep=keep)
    user.session_epoch = colleague.session_epoch  # for the admin's own session


def change_password(*, by: User, current: str, new: str, keep: UUID | None) -> None:
    """Somebody who is signed in gives themself a new password. Raises Invalid for the wrong or a weak one, or for the
    same again; what `confirm_password` raises; and NotSignedIn where the password was changed meanwhile."""
    try:
        known = confirm_password(by=by, password=current)
    except Invalid as wrong:
        raise Invalid("current", wrong.message) from wrong
    if new == current:
        raise Invalid("new", "This is the password that you have already.")
    try:
        with transaction.atomic():
            (row,) = locked(known)
            if row.password != known.password:
                raise NotSignedIn(sessions.ENDED_SENTENCE)
            _give_password(row, new, by=row, keep=keep)
    except Invalid as weak:
        raise Invalid("new", weak.message) from weak
    by.password, by.session_epoch = row.password, row.session_epoch  # for the admin's own session


@transaction.atomic
def set_password(*, user: User, by: User | None, password: str) -> None:
    """An office manager gives a colleague a new password; `by` is None when a command does it. It ends every session of
    that person. Raises Forbidden where they no longer manage, and for their own, which takes the old one
    (`change_password`): a stolen cookie is not enough for it. Raises Invalid for a weak one."""
    manager, colleague = locked(by or user, user)
    if by is not None and manager is colleague:
        raise Forbidden("Your own password is changed with the old one.")
    if by is not None and not (manager.is_active and manager.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden("You no longer manage this practice.")
    _give_password(colleague, password, by=by and manager)


@transaction.atomic
def reset_password(*, user: User, password: str) -> None:
    """A new password for whoever came by a link from their e-mail, which accounts/password_reset.py has found valid. It
    ends every session of theirs. Raises Forbidden where the account was deactivated meanwhile, and Invalid."""
    (row,) = locked(user)
    if not row.is_active:
        raise Forbidden("Your account is no longer active.")
    _give_password(row, password, by=row, reason="reset_link")
    transaction.on_commit(lambda: lockout.clear(lockout.password_key(row.pk)))


def _give_password(user: User, password: str, *, by: User | None, keep: UUID | None = None, reason: str = "") -> None:
    """`user` is locked. Ends every session of theirs but `keep`, the one that they do it from; `reason` tells the trail
    what else it was done with than the old password or as a manager."""
    set_checked_password(user, password)
    told: dict[str, Any] = {"reason": reason} if reason else {}
    tell(Kind.PASSWORD_CHANGED, user, by=by, **told)
    sessions.end_all(user=user, by=by, ending=Ending.NEW_PASSWORD, keep=keep)
    _save(user)


def locked(*users: User) -> list[User]:
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
