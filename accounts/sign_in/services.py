"""Signing in with email and password, and confirming the password again."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.audit import log_event
from accounts.models import LoginSession, SignInChannel, User
from accounts.second_factor_challenge import SecondFactorChallenge, available_methods, issue_challenge_token
from accounts.sessions import services as sessions
from accounts.sign_in import lockout
from accounts.sign_in.lockout import locked_message
from audit.events import AuditEvent, Outcome
from core.errors import Invalid, NotSignedIn, Refusal
from core.tenancy.scope import installation_scope


class LockedOut(Refusal):
    """429: too many attempts; `retry_after` is in seconds."""

    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__(locked_message(retry_after))
        self.retry_after = retry_after


def sign_in(
    *, request: HttpRequest, email: str, password: str, channel: SignInChannel = SignInChannel.API
) -> LoginSession | SecondFactorChallenge:
    """Return a new session for the right email and password, or a challenge if a second factor is set up.

    Raises NotSignedIn, and LockedOut from the sixth attempt on; neither reveals whether the email has an account.
    """
    user = authenticate(request, username=email, password=password)
    if user is None:
        wait = getattr(request, "lockout_seconds", 0)
        raise LockedOut(wait) if wait else NotSignedIn(sessions.WRONG_CREDENTIALS)
    assert isinstance(user, User)
    methods = available_methods(user)
    if methods:
        return SecondFactorChallenge(issue_challenge_token(user, channel), methods)
    return sessions.begin(user=user, request=request, channel=channel)


def consume_attempt(key: str, user: User, *, by: User | None = None, **details: Any) -> None:
    """Use one of the attempts counted under this key. Raises LockedOut, which is logged with the details, and
    Unavailable."""
    wait = lockout.reserve(key)
    if wait:
        log_event(AuditEvent.LOCKED_OUT, user, by=by, outcome=Outcome.REFUSED, **details)
        raise LockedOut(wait)


def confirm_password(*, by: User, password: str) -> User:
    """Check a signed-in user's password again and return their current row.

    Wrong passwords are counted separately from sign-ins, so that guessing at sign-in does not lock anyone out here.
    Raises Invalid, LockedOut from the sixth attempt on, and NotSignedIn if the account has been deactivated.
    """
    with installation_scope():
        user = User.all_practices.select_related("practice").get(pk=by.pk)
    key = lockout.password_key(user.pk)
    consume_attempt(key, user, by=by)
    if not user.is_active:
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    if not check_password(password, user.password):
        log_event(AuditEvent.SIGN_IN_FAILED, user, by=by, outcome=Outcome.FAILED, reason="wrong_password")
        raise Invalid("password", _("Incorrect password."))
    lockout.clear(key)
    return user
