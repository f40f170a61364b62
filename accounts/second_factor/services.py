"""Two-factor sign-in: what people set up beside their password, and the check of it.

Everybody may set up an authenticator app and up to ten passkeys; a practice may require one of those of everybody who
works there. The first brings ten recovery codes. A new or removed one takes the password again, marks the session that
it is done from, and ends the others; `by.session_epoch` is then the new one, for the admin site's own session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import lockout, sessions
from accounts.models import (
    Authenticator,
    Door,
    Ending,
    Method,
    Passkey,
    PasskeyChallenge,
    RecoveryCode,
    Session,
    User,
)
from accounts.roles import Permission
from accounts.second_factor import passkeys, recovery, totp
from accounts.second_factor.asking import methods_of, required_of, user_of
from accounts.services import LockedOut, confirm_password, locked, take_attempt
from accounts.sign_in_trail import tell
from audit.events import Kind, Outcome
from core.errors import Conflict, Forbidden, Invalid, Missing, NotSignedIn, Refusal
from core.tenancy import practice_scope
from practices.models import Practice
from practices.services import save_practice

WRONG = "The code or passkey is not right, or it has been used already."
WRONG_CODE = "This code is not right. Please check the clock of your phone, and type the code that it shows now."
WRONG_PASSKEY = "The passkey could not be verified. Please start again."
HAS_APP = "You have an authenticator app already. Remove it before you set up another one."
NOT_STARTED = "Please start setting up the authenticator app: that was not done in the last ten minutes."
HAS_PASSKEY = "This passkey has an account already."
ENOUGH_PASSKEYS = f"You have {passkeys.MOST} passkeys already. Remove one before you add another."
PENDING_LIFE = timedelta(minutes=10)  # of a secret that is not confirmed


class TotpSetup(NamedTuple):
    """`secret` in base32, to be typed; `uri` holds the same for a QR code. Neither is shown again."""

    secret: str
    uri: str


class Factors(NamedTuple):
    """What a person has set up; `required`: their practice asks for it."""

    totp: bool
    passkeys: list[Passkey]
    recovery_codes_left: int
    required: bool


# --- Signing in


def sign_in(
    *,
    request: HttpRequest,
    token: str,
    door: Door,
    method: Method | str,
    code: str = "",
    credential: dict[str, Any] | None = None,
) -> Session:
    """The new session of somebody whose password was right a moment ago, as `token` says, and whose second factor is.
    Raises NotSignedIn, LockedOut and TrailDown."""
    user = user_of(token, door)
    with entering(user):
        check(user=user, method=method, code=code, credential=credential)
        return sessions.begin(user=user, request=request, door=door, second_factor=method)


@contextmanager
def entering(user: User) -> Iterator[None]:
    """What `check` uses up in the block stands or falls with the session that is begun there: where the trail is down,
    the code is as good as before. What a refusal has told the trail stays."""
    refused: Refusal | None = None
    with transaction.atomic():
        locked(user)  # before the rows of their factors, as whatever changes those locks them
        try:
            yield
        except (NotSignedIn, LockedOut) as refusal:
            refused = refusal
    if refused:
        raise refused


def check(*, user: User, method: Method | str, code: str = "", credential: dict[str, Any] | None = None) -> None:
    """Use up this person's code or passkey answer. Raises NotSignedIn for a wrong one, LockedOut from the sixth attempt
    on, whatever is sent then, and Unavailable where attempts cannot be counted or the secret cannot be decrypted."""
    authenticator = _authenticator_of(user) if method == Method.TOTP else None
    take_attempt(lockout.second_factor_key(user.pk), user, method=method)
    if method == Method.TOTP:
        right = authenticator is not None and totp.take(authenticator, code)
    elif method == Method.PASSKEY:
        right = credential is not None and passkeys.take(user, credential)
    else:
        right = recovery.take(user, code)
    if not right:
        tell(Kind.SECOND_FACTOR_FAILED, user, outcome=Outcome.FAILED, method=method)
        raise NotSignedIn(WRONG)
    lockout.clear(lockout.second_factor_key(user.pk))


def _authenticator_of(user: User) -> Authenticator | None:
    """The one that is asked for. Raises DecryptionError here, before it costs an attempt."""
    authenticator = Authenticator.objects.filter(user=user, confirmed_at__isnull=False).first()
    _ = authenticator and authenticator.secret
    return authenticator


def passkey_options(*, user: User) -> dict[str, Any]:
    """What a browser asks a passkey for. Raises NotSignedIn where there is none."""
    if not Passkey.objects.filter(user=user).exists():
        raise NotSignedIn(WRONG)
    return passkeys.request_options(user)


# --- Setting up


def factors_of(user: User) -> Factors:
    return Factors(
        totp=Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists(),
        passkeys=list(Passkey.objects.filter(user=user).order_by("pk")),
        recovery_codes_left=recovery.left(user),
        required=required_of(user),
    )


def start_totp(*, by: User, password: str) -> TotpSetup:
    """A new secret, to be confirmed by a code within ten minutes; one that was not confirmed is replaced. Raises
    Invalid, LockedOut, and Conflict where an authenticator app is in use."""
    confirmed = confirm_password(by=by, password=password)
    secret = totp.new_secret()
    with transaction.atomic():
        user = _as_confirmed(confirmed)
        if Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists():
            raise Conflict(HAS_APP)
        Authenticator.objects.filter(user=user).delete()
        Authenticator.objects.create(user=user, secret=secret, created_at=timezone.now())
    return TotpSetup(secret, totp.uri(secret, email=user.email))


def confirm_totp(*, by: User, code: str, session_id: UUID) -> list[str]:
    """The authenticator app has shown this code: from now on it is asked for. The recovery codes where there were none,
    else nothing. Raises Invalid for a wrong code, which counts as one at sign-in does, LockedOut, and Conflict."""
    _ = _pending_of(by).secret  # raises DecryptionError here, before it costs an attempt
    take_attempt(lockout.second_factor_key(by.pk), by, by=by, method=Method.TOTP)
    with transaction.atomic():
        (user,) = locked(by)
        authenticator = _pending_of(user)
        step = totp.matching_step(authenticator.secret, code, after=0)
        if step is None:
            raise Invalid("code", WRONG_CODE)
        authenticator.confirmed_at, authenticator.last_step = timezone.now(), step
        authenticator.save(update_fields=["confirmed_at", "last_step", "updated_at"])
        codes = _added(user, by, Method.TOTP, session_id)
    lockout.clear(lockout.second_factor_key(user.pk))
    return codes


def _pending_of(user: User) -> Authenticator:
    """The authenticator app that they are setting up. Raises Conflict."""
    authenticator = Authenticator.objects.filter(user=user).first()
    if authenticator is not None and authenticator.confirmed_at is not None:
        raise Conflict(HAS_APP)
    if authenticator is None or authenticator.created_at <= timezone.now() - PENDING_LIFE:
        raise Conflict(NOT_STARTED)
    return authenticator


def start_passkey(*, by: User, password: str) -> dict[str, Any]:
    """What a browser makes a passkey from. Raises Invalid, LockedOut, and Conflict where there are enough."""
    user = confirm_password(by=by, password=password)
    _check_room(user)
    return passkeys.creation_options(user)


def add_passkey(*, by: User, name: str, credential: dict[str, Any], session_id: UUID) -> tuple[Passkey, list[str]]:
    """The passkey that a browser has made, and the recovery codes where there were none. Raises Invalid where it is no
    answer to `start_passkey`, and Conflict."""
    try:
        new = passkeys.verified_new(by, credential)
    except passkeys.NotVerified as error:
        raise Invalid("credential", WRONG_PASSKEY) from error
    with transaction.atomic():
        (user,) = locked(by)
        _check_room(user)
        passkey = Passkey(user=user, name=name, **new._asdict())
        try:
            with transaction.atomic():
                passkey.save()
        except IntegrityError as error:
            raise Conflict(HAS_PASSKEY) from error
        return passkey, _added(user, by, Method.PASSKEY, session_id)


def _check_room(user: User) -> None:
    if Passkey.objects.filter(user=user).count() >= passkeys.MOST:
        raise Conflict(ENOUGH_PASSKEYS)


def _added(user: User, by: User, method: Method, session_id: UUID) -> list[str]:
    tell(Kind.FACTOR_ADDED, user, by=user, method=method)
    _keep_only(user, by, session_id, second_factor=method)
    return [] if recovery.left(user) else _new_codes(user)


def _new_codes(user: User) -> list[str]:
    tell(Kind.RECOVERY_CODES_MADE, user, by=user)
    return recovery.make(user)


def new_recovery_codes(*, by: User, password: str) -> list[str]:
    """Ten new codes in place of the old ones. Raises Invalid, LockedOut, and Conflict where there is no second factor
    that they could stand in for."""
    confirmed = confirm_password(by=by, password=password)
    with transaction.atomic():
        user = _as_confirmed(confirmed)
        if not methods_of(user):
            raise Conflict("Set up an authenticator app or a passkey first.")
        return _new_codes(user)


# --- Removing


def remove_totp(*, by: User, password: str, session_id: UUID) -> None:
    """Raises Invalid, LockedOut and Missing. Where the practice requires a second factor and this was the last one, the
    session is due again: whoever changes phones sets up the new one before they see anything else."""
    confirmed = confirm_password(by=by, password=password)
    with transaction.atomic():
        user = _as_confirmed(confirmed)
        if not Authenticator.objects.filter(user=user, confirmed_at__isnull=False).delete()[0]:
            raise Missing("You have no authenticator app.")
        _removed(user, by, Method.TOTP, session_id)


def remove_passkey(*, by: User, passkey_id: UUID, password: str, session_id: UUID) -> None:
    """The same for a passkey."""
    confirmed = confirm_password(by=by, password=password)
    with transaction.atomic():
        user = _as_confirmed(confirmed)
        if not Passkey.objects.filter(user=user, pk=passkey_id).delete()[0]:
            raise Missing("You have no such passkey.")
        _removed(user, by, Method.PASSKEY, session_id)


def _removed(user: User, by: User, method: Method, session_id: UUID) -> None:
    tell(Kind.FACTOR_REMOVED, user, by=user, method=method)
    if methods_of(user):
        _keep_only(user, by, session_id)
        return
    RecoveryCode.objects.filter(user=user).delete()
    _keep_only(user, by, session_id, second_factor="")  # where the practice requires one, it is due: a new phone, say


def _keep_only(user: User, by: User, session_id: UUID, **marked: str) -> None:
    """End this person's other sessions: a thief's may be among them. Raises NotSignedIn where this one ended while it
    asked."""
    if not Session.objects.filter(pk=session_id, user=user).live().update(updated_at=timezone.now(), **marked):
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    sessions.end_all(user=user, by=user, ending=Ending.NEW_FACTOR, keep=session_id)
    sessions.user_changed(user=user)
    by.session_epoch = user.session_epoch


def _as_confirmed(confirmed: User) -> User:
    """Their row, which nobody else changes before this transaction ends. Raises NotSignedIn where trust in the account
    ended after the password was confirmed."""
    (user,) = locked(confirmed)
    trusted = confirmed.password, confirmed.session_epoch
    if (user.password, user.session_epoch) != trusted or not user.is_active:
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    return user


# --- What office managers do


@transaction.atomic
def reset(*, user: User, by: User) -> None:
    """Remove every second factor of somebody who has lost theirs, and end their sessions: their password alone lets
    them in again, until they set up a new one. Raises Forbidden; nobody does it for themself."""
    manager, person = locked(by, user)
    if manager is person:
        raise Forbidden("Somebody else has to remove your second factors for you.")
    if not (manager.is_active and manager.can(Permission.MANAGE_USERS)):
        raise Forbidden("You no longer manage this practice.")
    for method in methods_of(person):
        if method != Method.RECOVERY_CODE:
            tell(Kind.FACTOR_REMOVED, person, by=manager, method=method, reason="reset")
    for model in (Authenticator, Passkey, PasskeyChallenge, RecoveryCode):
        model.objects.filter(user=person).delete()
    sessions.end_all(user=person, by=manager, ending=Ending.NEW_FACTOR)
    transaction.on_commit(lambda: lockout.clear(lockout.second_factor_key(person.pk)))


@transaction.atomic
def require_second_factor(*, practice: Practice, by: User, required: bool) -> Practice:
    """Store whether everybody who works in this practice needs a second factor. Whoever is signed in without one sees
    nothing else from their next request on. Raises Forbidden."""
    (manager,) = locked(by)
    theirs = manager.is_superuser or manager.practice_id == practice.pk
    if not (theirs and manager.is_active and manager.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden("You no longer manage this practice.")
    practice.two_factor_required = required
    with practice_scope(practice.pk):
        save_practice(practice=practice, by=by)
    sessions.workforce_changed(practice_id=practice.pk)
    return practice
