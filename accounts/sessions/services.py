"""Login sessions: they begin with a sign-in, are looked up on every request, and end with a sign-out, an idle timeout
(accounts/sessions/idle_timeout.py), or a change that ends trust in the account, such as a new password.

The lookup asks Redis first (accounts/sessions/cache.py), then the database.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import log_event
from accounts.models import (
    Authenticator,
    LoginSession,
    LoginSessionQuerySet,
    PasskeyChallenge,
    RevocationReason,
    SecondFactorMethod,
    SignInChannel,
    User,
)
from accounts.roles import Role
from accounts.second_factor_challenge import is_required_for
from accounts.sessions import cache as session_cache
from accounts.sessions import idle_timeout
from accounts.sessions.cache import ENDED, STALE, STALE_SECONDS, TIMED_OUT, TTL
from accounts.sessions.tokens import Claims, InvalidToken, TokenType, read, refresh_life
from audit.events import AuditEvent as Event
from audit.events import Outcome
from core.cache import redis_client
from core.client import client_address
from core.errors import NotSignedIn
from core.tenancy.scope import installation_scope

WRONG_CREDENTIALS = _("Invalid email or password")  # the contract's wording
ENDED_SENTENCE = _("Your session has ended. Please sign in again.")
MAX_LISTED = 100  # of one person's sessions
REVOCATION_EVENTS = {
    RevocationReason.SIGNED_OUT: Event.SIGNED_OUT,
    RevocationReason.TIMED_OUT: Event.TIMED_OUT,
    RevocationReason.REUSED: Event.REFRESH_REUSED,
}


class TimedOut(NotSignedIn):
    """401: nobody has used this session for too long."""

    def __init__(self) -> None:
        super().__init__(_("Your session timed out. Please sign in again."))


@installation_scope()
def begin(
    *,
    user: User,
    request: HttpRequest,
    channel: SignInChannel = SignInChannel.API,
    second_factor: SecondFactorMethod | str = "",
    life: timedelta | None = None,
) -> LoginSession:
    """Start a session on the request's device for a user whose password, and `second_factor` if given, were just
    verified.

    It lasts as long as a refresh token unless `life` is given. Raises NotSignedIn if the password was changed or the
    user deactivated during the check, and AuditLogUnavailable.
    """
    try:
        return _begin(user, request, life or refresh_life(), channel=channel, second_factor=second_factor)
    except NotSignedIn:
        log_event(Event.SIGN_IN_FAILED, user, outcome=Outcome.FAILED, reason="changed_meanwhile")
        raise


@transaction.atomic
def _begin(user: User, request: HttpRequest, life: timedelta, *, channel: str, second_factor: str) -> LoginSession:
    current = User.all_practices.select_for_update().get(pk=user.pk)
    trusted = user.password, user.session_epoch  # a new role or second factor also cancels half-finished sign-ins
    if (current.password, current.session_epoch) != trusted or not current.is_active:
        raise NotSignedIn(WRONG_CREDENTIALS)
    now = timezone.now()
    session = LoginSession.objects.create(
        user=current,
        last_seen_at=now,
        expires_at=now + life,
        address=client_address(request),
        agent=request.headers.get("User-Agent", "")[:255].replace("\x00", ""),
        channel=channel,
        second_factor=second_factor,
    )
    details: dict[str, Any] = {"second_factor": second_factor} if second_factor else {}
    log_event(Event.SIGNED_IN, current, by=current, session=session.pk, door=channel, **details)
    current.second_factor_due = second_factor_due(session)
    return session


def second_factor_due(session: LoginSession) -> bool:
    """Return whether the practice requires a second factor that this session was started without.

    Until one is set up, the API and the admin site offer nothing but setting it up.
    """
    return is_required_for(session.user) and not session.second_factor


def has_given_second_factor(user: User) -> bool:
    """Return whether this user's current session was started with a second factor."""
    return LoginSession.objects.filter(user=user, pk=user.session_id or UUID(int=0)).exclude(second_factor="").exists()


def get_session_to_refresh(token: str) -> LoginSession:
    """Return the live session of a refresh cookie, with its user as stored now, and log the refresh.

    Raises NotSignedIn and AuditLogUnavailable.
    """
    session = get_session_of_refresh_token(token, TokenType.REFRESH)
    log_event(Event.REFRESHED, session.user, by=session.user, session=session.pk)
    return session


def get_session_of_refresh_token(token: str, kind: TokenType) -> LoginSession:
    """Return the live session of a refresh token of this kind; log a refusal.

    Raises NotSignedIn and AuditLogUnavailable.
    """
    try:
        return get_live_session(read(token, kind))
    except InvalidToken as error:
        _log_refusal(token, kind, "not_valid")
        raise NotSignedIn(ENDED_SENTENCE) from error
    except NotSignedIn as refusal:
        _log_refusal(token, kind, "timed_out" if isinstance(refusal, TimedOut) else "ended")
        raise


@installation_scope()
def _log_refusal(token: str, kind: TokenType, reason: str) -> None:
    """Log a refused refresh token, under its user if we issued it."""
    try:
        user = User.all_practices.filter(pk=read(token, kind, allow_expired=True).user_id).first()
    except InvalidToken:
        user = None
    log_event(Event.REFRESH_REFUSED, user, outcome=Outcome.FAILED, reason=reason)


def authenticate(claims: Claims) -> tuple[User, bool | None]:
    """Return the active user of a live session, and whether the call is within the rate limit (None if not counted
    yet).

    One Redis call answers both. Raises NotSignedIn.
    """
    answer = session_cache.look_up(claims)
    if answer.stored in (ENDED, TIMED_OUT):
        raise TimedOut if answer.stored == TIMED_OUT else NotSignedIn(ENDED_SENTENCE)
    user = session_cache.decrypt_user(answer.stored, claims)
    if user is None or (idle_timeout.applies_to(user) and not answer.seen):
        user = get_live_session(claims).user
    user.session_id = claims.session_id
    return user, answer.within_limit


@installation_scope()
def get_live_session(claims: Claims, *, seen: bool = True) -> LoginSession:
    """Return this session from the database, marked as seen now unless nobody did anything (`seen`). Raises
    NotSignedIn.

    When parallel requests arrive at the idle limit, one of them renews or ends the session and the others follow: the
    row's `last_seen_at` decides.
    """
    now = timezone.now()
    sessions = LoginSession.objects.select_related("user__practice")
    session = sessions.filter(pk=claims.session_id, user_id=claims.user_id, user__is_active=True).first()
    if session is None or not session.is_live(at=now):
        timed_out = session is not None and session.revocation_reason == RevocationReason.TIMED_OUT
        raise TimedOut if timed_out else NotSignedIn(ENDED_SENTENCE)
    as_read = LoginSession.objects.filter(pk=session.pk, revoked_at=None, last_seen_at=session.last_seen_at)
    if _has_timed_out(session):
        _end(as_read, reason=RevocationReason.TIMED_OUT)
        return get_live_session(claims, seen=seen)  # raises, unless another request renewed it first
    if not seen:
        session.user.second_factor_due = second_factor_due(session)
        return session
    if now - session.last_seen_at >= TTL:
        if not as_read.update(last_seen_at=now):
            return get_live_session(claims)
        session.last_seen_at = now
    session.user.second_factor_due = second_factor_due(session)
    session_cache.store(session)
    return session


def _has_timed_out(session: LoginSession) -> bool:
    if not idle_timeout.has_timed_out(session.user, last_seen=session.last_seen_at):
        return False
    cached = idle_timeout.last_seen(session.pk)  # the row may be a minute behind
    return cached is None or idle_timeout.has_timed_out(session.user, last_seen=cached)


@installation_scope()
def end(*, session_id: UUID, reason: RevocationReason = RevocationReason.SIGNED_OUT) -> None:
    """Sign out of one session; its tokens are rejected once the transaction commits."""
    _end(LoginSession.objects.filter(pk=session_id), reason=reason)


@transaction.atomic
def end_all(*, user: User, by: User | None, reason: RevocationReason, keep: UUID | None = None) -> None:
    """End every session of this user, including the admin site's, and every half-finished sign-in or setup.

    `by` is None for a management command; `keep` is the session to keep, usually the current one.
    """
    user.session_epoch += 1
    User.all_practices.filter(pk=user.pk).update(session_epoch=user.session_epoch)
    Authenticator.objects.filter(user=user, confirmed_at=None).delete()
    PasskeyChallenge.objects.filter(user=user).delete()
    sessions = LoginSession.objects.filter(user=user)
    _end(sessions.exclude(pk=keep) if keep else sessions, reason=reason, by=by, own=False)


def list_live_sessions(user: User) -> list[LoginSession]:
    """Return this user's live sessions, most recently seen first.

    Rows are up to a minute behind, so a session that has just timed out may still be listed.
    """
    live = LoginSession.objects.filter(user=user).live()
    if idle_timeout.applies_to(user):
        live = live.filter(last_seen_at__gte=idle_timeout.cutoff() - TTL)
    return list(live.order_by("-last_seen_at", "-id")[:MAX_LISTED])


@installation_scope()
@transaction.atomic
def end_own(*, user: User, here: UUID, only: UUID | None = None) -> int:
    """End all of this user's sessions except `here`, the current one, or just `only`; return how many were ended.

    Raises NotSignedIn if `here` has ended in the meantime, so of two sessions that end each other one wins.
    """
    User.all_practices.select_for_update().get(pk=user.pk)  # first, like everything else that ends sessions
    live = set(LoginSession.objects.filter(user=user).live().values_list("pk", flat=True))
    if here not in live:
        raise NotSignedIn(ENDED_SENTENCE)
    chosen = live & {only} if only else live - {here}
    reason = RevocationReason.SIGNED_OUT if only == here else RevocationReason.ENDED_ELSEWHERE
    _end(LoginSession.objects.filter(pk__in=chosen), reason=reason)
    return len(chosen)


@installation_scope()
@transaction.atomic
def _end(sessions: LoginSessionQuerySet, *, reason: RevocationReason, by: User | None = None, own: bool = True) -> None:
    """End these sessions; `own` means that each session's own user does it."""
    ended = list(sessions.live().select_related("user").order_by("id").select_for_update(of=("self",)))
    ids = [session.pk for session in ended]
    for session in ended:
        event = REVOCATION_EVENTS.get(reason, Event.SESSION_ENDED)
        log_event(event, session.user, by=session.user if own else by, session=session.pk, reason=reason)
    LoginSession.objects.filter(pk__in=ids).update(revoked_at=timezone.now(), revocation_reason=reason)
    tombstone = TIMED_OUT if reason == RevocationReason.TIMED_OUT else ENDED
    session_cache.mark(ids, tombstone, life=refresh_life())


def invalidate_user(*, user: User) -> None:
    """Make the next request of each of this user's sessions reload the user from the database."""
    if redis_client.configured():
        ids = LoginSession.objects.filter(user=user).live().values_list("pk", flat=True)
        session_cache.mark(list(ids), STALE, life=timedelta(seconds=STALE_SECONDS))


@installation_scope()
def invalidate_workforce(*, practice_id: UUID) -> None:
    """Do the same for everyone who works in this practice."""
    if redis_client.configured():
        sessions = LoginSession.objects.filter(user__practice=practice_id).exclude(user__role=Role.PATIENT).live()
        session_cache.mark(list(sessions.values_list("pk", flat=True)), STALE, life=timedelta(seconds=STALE_SECONDS))
