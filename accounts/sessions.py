"""Sessions: begun by a sign-in, looked up on every request, ended by logout, by time without a request
(accounts/logoff.py) and by what ends trust in the account.

The lookup asks Redis first (accounts/session_cache.py) and the database behind it.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import logoff, session_cache
from accounts.models import Ending, Session, SessionQuerySet, User
from accounts.session_cache import ENDED, HOLD, HOLD_SECONDS, LIFE, TIMED_OUT
from accounts.sign_in_trail import tell
from accounts.tokens import Claims, InvalidToken, Kind, read, refresh_life
from audit.events import Kind as Event
from audit.events import Outcome
from core import redis
from core.client import client_address, is_api
from core.errors import NotSignedIn
from core.tenancy import installation_scope

WRONG_CREDENTIALS = "Invalid email or password"  # the contract's words
ENDED_SENTENCE = "Your session has ended. Please sign in again."
TIMED_OUT_SENTENCE = "Your session timed out. Please sign in again."
ENDINGS = {Ending.SIGNED_OUT: Event.SIGNED_OUT, Ending.TIMED_OUT: Event.TIMED_OUT}


@installation_scope()
def begin(*, user: User, request: HttpRequest, life: timedelta | None = None) -> Session:
    """A new session, on the device behind the request, of the user whose password was just found right; it lives as
    long as a refresh token unless `life` says otherwise. Raises NotSignedIn when the password was changed, or the user
    deactivated, while it was being checked, and TrailDown."""
    try:
        return _begin(user, request, life or refresh_life())
    except NotSignedIn:
        tell(Event.SIGN_IN_FAILED, user, outcome=Outcome.FAILED, reason="changed_meanwhile")
        raise


@transaction.atomic
def _begin(user: User, request: HttpRequest, life: timedelta) -> Session:
    current = User.sign_in.select_for_update().get(pk=user.pk)
    if current.password != user.password or not current.is_active:
        raise NotSignedIn(WRONG_CREDENTIALS)
    now = timezone.now()
    session = Session.objects.create(
        user=current,
        last_seen_at=now,
        expires_at=now + life,
        address=client_address(request),
        agent=request.headers.get("User-Agent", "")[:255].replace("\x00", ""),
    )
    door = "api" if is_api(request) else "admin_site"
    tell(Event.SIGNED_IN, current, by=current, session=session.pk, door=door)
    return session


def to_refresh(token: str) -> Session:
    """The live session of a refresh token, its user's row as it is now; raises NotSignedIn and TrailDown."""
    try:
        session = live_session(read(token, Kind.REFRESH))
    except InvalidToken as error:
        _tell_refused(token, "not_valid")
        raise NotSignedIn(ENDED_SENTENCE) from error
    except NotSignedIn as refusal:
        _tell_refused(token, "timed_out" if refusal.detail == TIMED_OUT_SENTENCE else "ended")
        raise
    tell(Event.REFRESHED, session.user, by=session.user, session=session.pk)
    return session


@installation_scope()
def _tell_refused(token: str, reason: str) -> None:
    """Whose refresh token it was is told where it is one of ours."""
    try:
        user = User.sign_in.filter(pk=read(token, Kind.REFRESH, even_expired=True).user_id).first()
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
    return user, answer.within_limit


@installation_scope()
def live_session(claims: Claims) -> Session:
    """This user's session as its row has it, seen now; raises NotSignedIn. Of parallel requests at the edge of the
    idle limit one renews or ends the session, and the others find what it did: the row's last_seen_at decides."""
    now = timezone.now()
    sessions = Session.objects.select_related("user")
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
    session_cache.remember(session)
    return session


def _has_timed_out(session: Session) -> bool:
    if not logoff.timed_out(session.user, last_seen=session.last_seen_at):
        return False
    remembered = logoff.remembered(session.pk)  # the row may be a minute behind
    return remembered is None or logoff.timed_out(session.user, last_seen=remembered)


@installation_scope()
def end(*, session_id: UUID) -> None:
    """Sign out of one session; its tokens are refused from the commit on."""
    _end(Session.objects.filter(pk=session_id), ending=Ending.SIGNED_OUT)


@transaction.atomic
def end_all(*, user: User, by: User, ending: Ending, keep: UUID | None = None) -> None:
    """End every session of this user, the admin site's too, as a password change, a new role and a deactivation do;
    `keep` names the one that it is done from."""
    user.session_epoch += 1
    User.sign_in.filter(pk=user.pk).update(session_epoch=user.session_epoch)
    sessions = Session.objects.filter(user=user)
    _end(sessions.exclude(pk=keep) if keep else sessions, ending=ending, by=by)


@installation_scope()
@transaction.atomic
def _end(sessions: SessionQuerySet, *, ending: Ending, by: User | None = None) -> None:
    """`by` None: the session's own user."""
    ended = list(sessions.live().select_related("user").select_for_update(of=("self",)))
    ids = [session.pk for session in ended]
    for session in ended:
        event = ENDINGS.get(ending, Event.SESSION_ENDED)
        tell(event, session.user, by=by or session.user, session=session.pk, reason=ending)
    Session.objects.filter(pk__in=ids).update(revoked_at=timezone.now(), ending=ending)
    tombstone = TIMED_OUT if ending == Ending.TIMED_OUT else ENDED
    session_cache.mark(ids, tombstone, life=refresh_life())


def user_changed(*, user: User) -> None:
    """Make the next request of each of this user's sessions read the row anew."""
    if redis.configured():
        ids = Session.objects.filter(user=user).live().values_list("pk", flat=True)
        session_cache.mark(list(ids), HOLD, life=timedelta(seconds=HOLD_SECONDS))
