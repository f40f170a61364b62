"""Sessions: begun by a sign-in, looked up on every request, ended by logout, by time without a request
(accounts/logoff.py) and by what ends trust in the account.

The lookup asks Redis first (accounts/session_cache.py) and the database behind it.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import logoff, session_cache
from accounts.models import Authenticator, Door, Ending, Method, PasskeyChallenge, Session, SessionQuerySet, User
from accounts.roles import Role
from accounts.second_factor.asking import required_of
from accounts.session_cache import ENDED, HOLD, HOLD_SECONDS, LIFE, TIMED_OUT
from accounts.sign_in_trail import tell
from accounts.tokens import Claims, InvalidToken, Kind, read, refresh_life
from audit.events import Kind as Event
from audit.events import Outcome
from core import redis
from core.client import client_address
from core.errors import NotSignedIn
from core.tenancy import installation_scope

WRONG_CREDENTIALS = "Invalid email or password"  # the contract's words
ENDED_SENTENCE = "Your session has ended. Please sign in again."
TIMED_OUT_SENTENCE = "Your session timed out. Please sign in again."
MOST_SHOWN = 100  # of one person's sessions
ENDINGS = {
    Ending.SIGNED_OUT: Event.SIGNED_OUT,
    Ending.TIMED_OUT: Event.TIMED_OUT,
    Ending.REUSED: Event.REFRESH_REUSED,
}


@installation_scope()
def begin(
    *,
    user: User,
    request: HttpRequest,
    door: Door = Door.API,
    second_factor: Method | str = "",
    life: timedelta | None = None,
) -> Session:
    """A new session, on the device behind the request, of the user whose password, and whose `second_factor` where one
    was given, was just found right; it lives as long as a refresh token unless `life` says otherwise. Raises
    NotSignedIn when the password was changed, or the user deactivated, while it was being checked, and TrailDown."""
    try:
        return _begin(user, request, life or refresh_life(), door=door, second_factor=second_factor)
    except NotSignedIn:
        tell(Event.SIGN_IN_FAILED, user, outcome=Outcome.FAILED, reason="changed_meanwhile")
        raise


@transaction.atomic
def _begin(user: User, request: HttpRequest, life: timedelta, **how: str) -> Session:
    current = User.sign_in.select_for_update().get(pk=user.pk)
    trusted = user.password, user.session_epoch  # a new role and a new second factor end sign-ins half done, too
    if (current.password, current.session_epoch) != trusted or not current.is_active:
        raise NotSignedIn(WRONG_CREDENTIALS)
    now = timezone.now()
    session = Session.objects.create(
        user=current,
        last_seen_at=now,
        expires_at=now + life,
        address=client_address(request),
        agent=request.headers.get("User-Agent", "")[:255].replace("\x00", ""),
        **how,
    )
    told: dict[str, Any] = {name: value for name, value in how.items() if value}
    tell(Event.SIGNED_IN, current, by=current, session=session.pk, **told)
    current.second_factor_due = second_factor_due(session)
    return session


def second_factor_due(session: Session) -> bool:
    """Whether the practice asks its workforce for a second factor that this session was begun without: until they have
    set one up they see nothing but that (ApiView.enter; the admin site likewise)."""
    return required_of(session.user) and not session.second_factor


def gave_second_factor(user: User) -> bool:
    """Whether the session that this user was read with was begun with one."""
    return Session.objects.filter(user=user, pk=user.session_id or UUID(int=0)).exclude(second_factor="").exists()


def to_refresh(token: str) -> Session:
    """The live session of a refresh cookie, its user's row as it is now; raises NotSignedIn and TrailDown."""
    session = session_of_refresh(token, Kind.REFRESH)
    tell(Event.REFRESHED, session.user, by=session.user, session=session.pk)
    return session


def session_of_refresh(token: str, kind: Kind) -> Session:
    """The live session that a refresh token of this kind names; a refusal is told. Raises NotSignedIn and TrailDown."""
    try:
        return live_session(read(token, kind))
    except InvalidToken as error:
        _tell_refused(token, kind, "not_valid")
        raise NotSignedIn(ENDED_SENTENCE) from error
    except NotSignedIn as refusal:
        _tell_refused(token, kind, "timed_out" if refusal.detail == TIMED_OUT_SENTENCE else "ended")
        raise


@installation_scope()
def _tell_refused(token: str, kind: Kind, reason: str) -> None:
    """Whose refresh token it was is told where it is one of ours."""
    try:
        user = User.sign_in.filter(pk=read(token, kind, even_expired=True).user_id).first()
    except InvalidToken:
        user = None
    tell(Event.REFRESH_REFUSED, user, outcome=Outcome.FAILED, reason=reason)


def user_of(claims: Claims) -> tuple[User, bool | None]:
    """The active user of a live session; and whether their call is within the limit, None where nobody has counted it
    yet. Redis is asked for both at once. Raises NotSignedIn."""
    answer = session_cache.ask(claims)
    if answer.stored in (ENDED, TIMED_OUT):
        raise NotSignedIn(TIMED_OUT_SENTENCE if answer.stored == TIMED_OUT else ENDED_SENTENCE)
    user = session_cache.opened(answer.stored, claims)
    if user is None or (logoff.concerns(user) and not answer.seen):
        user = live_session(claims).user
    user.session_id = claims.session_id
    return user, answer.within_limit


@installation_scope()
def live_session(claims: Claims) -> Session:
    """This user's session as its row has it, seen now; raises NotSignedIn. Of parallel requests at the edge of the
    idle limit one renews or ends the session, and the others find what it did: the row's last_seen_at decides."""
    now = timezone.now()
    sessions = Session.objects.select_related("user__practice")
    session = sessions.filter(pk=claims.session_id, user_id=claims.user_id, user__is_active=True).first()
    if session is None or not session.is_live(at=now):
        timed_out = session is not None and session.ending == Ending.TIMED_OUT
        raise NotSignedIn(TIMED_OUT_SENTENCE if timed_out else ENDED_SENTENCE)
    as_read = Session.objects.filter(pk=session.pk, revoked_at=None, last_seen_at=session.last_seen_at)
    if _has_timed_out(session):
        _end(as_read, ending=Ending.TIMED_OUT)
        return live_session(claims)  # which raises, unless another request was faster
    if now - session.last_seen_at >= LIFE:
        if not as_read.update(last_seen_at=now):
            return live_session(claims)
        session.last_seen_at = now
    session.user.second_factor_due = second_factor_due(session)
    session_cache.remember(session)
    return session


def _has_timed_out(session: Session) -> bool:
    if not logoff.timed_out(session.user, last_seen=session.last_seen_at):
        return False
    remembered = logoff.remembered(session.pk)  # the row may be a minute behind
    return remembered is None or logoff.timed_out(session.user, last_seen=remembered)


@installation_scope()
def end(*, session_id: UUID, ending: Ending = Ending.SIGNED_OUT) -> None:
    """Sign out of one session; its tokens are refused from the commit on."""
    _end(Session.objects.filter(pk=session_id), ending=ending)


@transaction.atomic
def end_all(*, user: User, by: User | None, ending: Ending, keep: UUID | None = None) -> None:
    """End every session of this user, the admin site's too, and what is half done, as a password change, a new role and
    a deactivation do; `by` is None when a command does it, and `keep` names the one that it is done from."""
    user.session_epoch += 1
    User.sign_in.filter(pk=user.pk).update(session_epoch=user.session_epoch)
    Authenticator.objects.filter(user=user, confirmed_at=None).delete()
    PasskeyChallenge.objects.filter(user=user).delete()
    sessions = Session.objects.filter(user=user)
    _end(sessions.exclude(pk=keep) if keep else sessions, ending=ending, by=by, own=False)


def open_of(user: User) -> list[Session]:
    """The live sessions of this person, the last seen first. When that was the row tells to the minute, so one that has
    just timed out may stand here for that long."""
    live = Session.objects.filter(user=user).live()
    if logoff.concerns(user):
        live = live.filter(last_seen_at__gte=logoff.earliest() - LIFE)
    return list(live.order_by("-last_seen_at", "-id")[:MOST_SHOWN])


@installation_scope()
@transaction.atomic
def end_own(*, user: User, here: UUID, only: UUID | None = None) -> int:
    """End all sessions of this person but `here`, the one they do it from, or that `only`, which may be `here`; how
    many there were. Of two that end each other one wins: raises NotSignedIn where `here` was ended meanwhile."""
    User.sign_in.select_for_update().get(pk=user.pk)  # first, as everything else does that ends sessions
    live = set(Session.objects.filter(user=user).live().values_list("pk", flat=True))
    if here not in live:
        raise NotSignedIn(ENDED_SENTENCE)
    chosen = live & {only} if only else live - {here}
    ending = Ending.SIGNED_OUT if only == here else Ending.ENDED_ELSEWHERE
    _end(Session.objects.filter(pk__in=chosen), ending=ending)
    return len(chosen)


@installation_scope()
@transaction.atomic
def _end(sessions: SessionQuerySet, *, ending: Ending, by: User | None = None, own: bool = True) -> None:
    """`own`: it is each session's user who ends it."""
    ended = list(sessions.live().select_related("user").order_by("id").select_for_update(of=("self",)))
    ids = [session.pk for session in ended]
    for session in ended:
        event = ENDINGS.get(ending, Event.SESSION_ENDED)
        tell(event, session.user, by=session.user if own else by, session=session.pk, reason=ending)
    Session.objects.filter(pk__in=ids).update(revoked_at=timezone.now(), ending=ending)
    tombstone = TIMED_OUT if ending == Ending.TIMED_OUT else ENDED
    session_cache.mark(ids, tombstone, life=refresh_life())


def user_changed(*, user: User) -> None:
    """Make the next request of each of this user's sessions read the row anew."""
    if redis.configured():
        ids = Session.objects.filter(user=user).live().values_list("pk", flat=True)
        session_cache.mark(list(ids), HOLD, life=timedelta(seconds=HOLD_SECONDS))


@installation_scope()
def workforce_changed(*, practice_id: UUID) -> None:
    """The same for everybody who works in this practice."""
    if redis.configured():
        sessions = Session.objects.filter(user__practice=practice_id).exclude(user__role=Role.PATIENT).live()
        session_cache.mark(list(sessions.values_list("pk", flat=True)), HOLD, life=timedelta(seconds=HOLD_SECONDS))
