"""Two-factor sign-in: setting up, verifying and removing second factors.

Everyone may set up an authenticator app and up to ten passkeys; a practice may require one of its staff. The first one
comes with ten recovery codes. Adding or removing one takes the password again, marks the current session and ends the
others; `by.session_epoch` is then updated for the admin site's own session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit import log_event
from accounts.models import (
    Authenticator,
    LoginSession,
    Passkey,
    PasskeyChallenge,
    RecoveryCode,
    RevocationReason,
    SecondFactorMethod,
    SignInChannel,
    User,
)
from accounts.second_factor import passkeys, recovery, totp
from accounts.second_factor_challenge import available_methods, get_challenged_user, is_required_for
from accounts.sessions import services as sessions
from accounts.sign_in import lockout
from accounts.sign_in.services import LockedOut, confirm_password, consume_attempt
from audit.events import AuditEvent, Outcome
from core.errors import Conflict, Forbidden, Invalid, NotFound, NotSignedIn, Refusal
from core.permissions import Permission
from core.tenancy.scope import practice_scope
from practices.models import Practice
from practices.services import practice_changed, save_practice

WRONG = _("That code or passkey is incorrect or has already been used.")
WRONG_CODE = _("That code is incorrect. Check your phone's clock, then enter the code the app shows now.")
WRONG_PASSKEY = _("The passkey could not be verified. Please start again.")
HAS_APP = _("You already have an authenticator app. Remove it before you set up another one.")
NOT_STARTED = _("Please start again: an authenticator app has to be set up within ten minutes.")
HAS_PASSKEY = _("This passkey is already linked to an account.")
TOO_MANY_PASSKEYS = format_lazy(
    _("You already have {number} passkeys. Remove one before you add another."), number=passkeys.MAX_PASSKEYS
)
PENDING_LIFE = timedelta(minutes=10)  # of a secret that is not confirmed


class TotpSetup(NamedTuple):
    """A new secret: `secret` in base32, for typing; `uri` for a QR code. Neither is shown again."""

    secret: str
    uri: str


class Factors(NamedTuple):
    """The second factors that a person has set up; `required` if their practice demands one."""

    totp: bool
    passkeys: list[Passkey]
    recovery_codes_left: int
    required: bool


# --- Signing in


def sign_in(
    *,
    request: HttpRequest,
    token: str,
    channel: SignInChannel,
    method: SecondFactorMethod | str,
    code: str = "",
    credential: dict[str, Any] | None = None,
) -> LoginSession:
    """Return a new session for a person whose password was just right, as `token` proves, and whose second factor is
    right.

    Raises NotSignedIn, LockedOut and AuditLogUnavailable.
    """
    user = get_challenged_user(token, channel)
    with sign_in_transaction(user):
        verify(user=user, method=method, code=code, credential=credential)
        return sessions.begin(user=user, request=request, channel=channel, second_factor=method)


@contextmanager
def sign_in_transaction(user: User) -> Iterator[None]:
    """Make using up a code and starting the session atomic: if the audit log is unavailable, the code stays valid.

    The audit event of a refusal is kept.
    """
    refused: Refusal | None = None
    with transaction.atomic():
        User.all_practices.lock(user)  # before the rows of their factors, in the same order as everything else
        try:
            yield
        except (NotSignedIn, LockedOut) as refusal:
            refused = refusal
    if refused:
        raise refused


def verify(
    *, user: User, method: SecondFactorMethod | str, code: str = "", credential: dict[str, Any] | None = None
) -> None:
    """Verify and use up a code or passkey response.

    Raises NotSignedIn for a wrong one, LockedOut from the sixth attempt on, and Unavailable if attempts cannot be
    counted or the secret cannot be decrypted.
    """
    authenticator = _authenticator_of(user) if method == SecondFactorMethod.TOTP else None
    consume_attempt(lockout.second_factor_key(user.pk), user, method=method)
    if method == SecondFactorMethod.TOTP:
        right = authenticator is not None and totp.consume(authenticator, code)
    elif method == SecondFactorMethod.PASSKEY:
        right = credential is not None and passkeys.consume(user, credential)
    else:
        right = recovery.consume(user, code)
    if not right:
        log_event(AuditEvent.SECOND_FACTOR_FAILED, user, outcome=Outcome.FAILED, method=method)
        raise NotSignedIn(WRONG)
    lockout.clear(lockout.second_factor_key(user.pk))


def _authenticator_of(user: User) -> Authenticator | None:
    """Return the confirmed authenticator app. Raises DecryptionError here, before it costs an attempt."""
    authenticator = Authenticator.objects.filter(user=user, confirmed_at__isnull=False).first()
    _secret = authenticator and authenticator.secret
    return authenticator


def passkey_options(*, user: User) -> dict[str, Any]:
    """Return the options for navigator.credentials.get(). Raises NotSignedIn if the user has no passkey."""
    if not Passkey.objects.filter(user=user).exists():
        method = SecondFactorMethod.PASSKEY
        log_event(AuditEvent.SECOND_FACTOR_FAILED, user, outcome=Outcome.FAILED, method=method, reason="none_set_up")
        raise NotSignedIn(WRONG)
    return passkeys.request_options(user)


# --- Setting up


def get_factors(user: User) -> Factors:
    return Factors(
        totp=Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists(),
        passkeys=list(Passkey.objects.filter(user=user).order_by("pk")),
        recovery_codes_left=recovery.count_left(user),
        required=is_required_for(user),
    )


def start_totp(*, by: User, password: str) -> TotpSetup:
    """Return a new secret, to be confirmed with a code within ten minutes; it replaces an unconfirmed one.

    Raises Invalid, LockedOut, and Conflict if an authenticator app is already set up.
    """
    confirmed = confirm_password(by=by, password=password)
    secret = totp.new_secret()
    with transaction.atomic():
        user = _lock_confirmed(confirmed)
        if Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists():
            raise Conflict(HAS_APP)
        Authenticator.objects.filter(user=user).delete()
        Authenticator.objects.create(user=user, secret=secret, created_at=timezone.now())
    return TotpSetup(secret, totp.uri(secret, email=user.email))


def confirm_totp(*, by: User, code: str, session_id: UUID) -> list[str]:
    """Confirm the authenticator app with a code; return recovery codes if there were none, else an empty list.

    Raises Invalid for a wrong code, which counts like one at sign-in, LockedOut and Conflict.
    """
    _secret = _pending_of(by).secret  # raises DecryptionError here, before it costs an attempt
    consume_attempt(lockout.second_factor_key(by.pk), by, by=by, method=SecondFactorMethod.TOTP)
    with transaction.atomic():
        (user,) = User.all_practices.lock(by)
        authenticator = _pending_of(user)
        step = totp.matching_step(authenticator.secret, code, after=0)
        codes = None
        if step is not None:
            authenticator.confirmed_at, authenticator.last_step = timezone.now(), step
            authenticator.save(update_fields=["confirmed_at", "last_step", "updated_at"])
            codes = _after_adding(user, by, SecondFactorMethod.TOTP, session_id)
    if codes is None:
        _log_failed_setup(by, SecondFactorMethod.TOTP)
        raise Invalid("code", WRONG_CODE)
    lockout.clear(lockout.second_factor_key(user.pk))
    return codes


def _pending_of(user: User) -> Authenticator:
    """Return the authenticator app that is being set up. Raises Conflict."""
    authenticator = Authenticator.objects.filter(user=user).first()
    if authenticator is not None and authenticator.confirmed_at is not None:
        raise Conflict(HAS_APP)
    if authenticator is None or authenticator.created_at <= timezone.now() - PENDING_LIFE:
        raise Conflict(NOT_STARTED)
    return authenticator


def start_passkey(*, by: User, password: str) -> dict[str, Any]:
    """Return the options for navigator.credentials.create(). Raises Invalid, LockedOut, and Conflict at the limit."""
    user = confirm_password(by=by, password=password)
    _check_passkey_limit(user)
    return passkeys.creation_options(user)


def add_passkey(*, by: User, name: str, credential: dict[str, Any], session_id: UUID) -> tuple[Passkey, list[str]]:
    """Store a passkey that a browser has created; return it with recovery codes if there were none.

    Raises Invalid if it does not answer `start_passkey`, and Conflict.
    """
    try:
        new = passkeys.verify_new(by, credential)
    except passkeys.NotVerified as error:
        _log_failed_setup(by, SecondFactorMethod.PASSKEY)
        raise Invalid("credential", WRONG_PASSKEY) from error
    with transaction.atomic():
        (user,) = User.all_practices.lock(by)
        _check_passkey_limit(user)
        passkey = Passkey(user=user, name=name, **new._asdict())
        try:
            with transaction.atomic():
                passkey.save()
        except IntegrityError as error:
            raise Conflict(HAS_PASSKEY) from error
        return passkey, _after_adding(user, by, SecondFactorMethod.PASSKEY, session_id)


def _log_failed_setup(by: User, method: SecondFactorMethod) -> None:
    log_event(
        AuditEvent.SECOND_FACTOR_FAILED, by, by=by, outcome=Outcome.FAILED, method=method, reason="while_setting_it_up"
    )


def _check_passkey_limit(user: User) -> None:
    if Passkey.objects.filter(user=user).count() >= passkeys.MAX_PASSKEYS:
        raise Conflict(TOO_MANY_PASSKEYS)


def _after_adding(user: User, by: User, method: SecondFactorMethod, session_id: UUID) -> list[str]:
    log_event(AuditEvent.FACTOR_ADDED, user, by=user, method=method)
    _end_other_sessions(user, by, session_id, second_factor=method)
    return [] if recovery.count_left(user) else _new_codes(user)


def _new_codes(user: User) -> list[str]:
    log_event(AuditEvent.RECOVERY_CODES_CREATED, user, by=user)
    return recovery.create_codes(user)


def new_recovery_codes(*, by: User, password: str) -> list[str]:
    """Replace the recovery codes with ten new ones. Raises Invalid, LockedOut, and Conflict without a second factor."""
    confirmed = confirm_password(by=by, password=password)
    with transaction.atomic():
        user = _lock_confirmed(confirmed)
        if not available_methods(user):
            raise Conflict(_("Set up an authenticator app or a passkey first."))
        return _new_codes(user)


# --- Removing


def remove_totp(*, by: User, password: str, session_id: UUID) -> None:
    """Remove the authenticator app.

    If it was the last second factor and the practice requires one, a new one must be set up before anything else.
    Raises Invalid, LockedOut and NotFound.
    """
    confirmed = confirm_password(by=by, password=password)
    with transaction.atomic():
        user = _lock_confirmed(confirmed)
        if not Authenticator.objects.filter(user=user, confirmed_at__isnull=False).delete()[0]:
            raise NotFound(_("You have not set up an authenticator app."))
        _after_removing(user, by, SecondFactorMethod.TOTP, session_id)


def remove_passkey(*, by: User, passkey_id: UUID, password: str, session_id: UUID) -> None:
    """Remove a passkey, in the same way."""
    confirmed = confirm_password(by=by, password=password)
    with transaction.atomic():
        user = _lock_confirmed(confirmed)
        if not Passkey.objects.filter(user=user, pk=passkey_id).delete()[0]:
            raise NotFound(_("Passkey not found."))
        _after_removing(user, by, SecondFactorMethod.PASSKEY, session_id)


def _after_removing(user: User, by: User, method: SecondFactorMethod, session_id: UUID) -> None:
    log_event(AuditEvent.FACTOR_REMOVED, user, by=user, method=method)
    if available_methods(user):
        _end_other_sessions(user, by, session_id)
        return
    RecoveryCode.objects.filter(user=user).delete()
    _end_other_sessions(user, by, session_id, second_factor="")  # due again if required


def _end_other_sessions(user: User, by: User, session_id: UUID, **marked: str) -> None:
    """End this person's other sessions, which may be a thief's. Raises NotSignedIn if the current one has ended."""
    if not LoginSession.objects.filter(pk=session_id, user=user).live().update(updated_at=timezone.now(), **marked):
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    sessions.end_all(user=user, by=user, reason=RevocationReason.NEW_FACTOR, keep=session_id)
    sessions.invalidate_user(user=user)
    by.session_epoch = user.session_epoch


def _lock_confirmed(confirmed: User) -> User:
    """Lock and return the user's row. Raises NotSignedIn if the password, role or status changed since the password was
    confirmed."""
    (user,) = User.all_practices.lock(confirmed)
    trusted = confirmed.password, confirmed.session_epoch
    if (user.password, user.session_epoch) != trusted or not user.is_active:
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    return user


# --- What office managers do


@transaction.atomic
def reset(*, user: User, by: User) -> None:
    """Remove every second factor of a person who has lost theirs, and end their sessions; they can then sign in with
    just their password. Raises Forbidden, also for one's own."""
    manager, person = User.all_practices.lock(by, user)
    if manager is person:
        raise Forbidden(_("Someone else has to turn off your two-step verification."))
    if not (manager.is_active and manager.can(Permission.MANAGE_USERS)):
        raise Forbidden(_("You no longer manage this practice."))
    for method in available_methods(person):
        if method != SecondFactorMethod.RECOVERY_CODE:
            log_event(AuditEvent.FACTOR_REMOVED, person, by=manager, method=method, reason="reset")
    for model in (Authenticator, Passkey, PasskeyChallenge, RecoveryCode):
        model.objects.filter(user=person).delete()
    sessions.end_all(user=person, by=manager, reason=RevocationReason.NEW_FACTOR)
    transaction.on_commit(lambda: lockout.clear(lockout.second_factor_key(person.pk)))


@transaction.atomic
def require_second_factor(*, practice: Practice, by: User, required: bool) -> Practice:
    """Set whether everyone who works in this practice needs a second factor. Raises Forbidden."""
    practice.two_factor_required = required
    with practice_scope(practice.pk):
        return save_practice(practice=practice, by=by)


@receiver(practice_changed)
def require_second_factor_of_workforce(*, practice: Practice, by: User, changed: set[str], **kwargs: Any) -> None:
    """Apply a changed requirement to everyone who is signed in, from their next request on. Raises Forbidden, and then
    nothing is stored."""
    if "two_factor_required" not in changed:
        return
    (manager,) = User.all_practices.lock(by)
    theirs = manager.is_superuser or manager.practice_id == practice.pk
    if not (theirs and manager.is_active and manager.can(Permission.MANAGE_PRACTICE)):
        raise Forbidden(_("You no longer manage this practice."))
    sessions.invalidate_workforce(practice_id=practice.pk)
