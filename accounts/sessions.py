"""Sessions: begun by a sign-in, looked up on every request, ended by logout and by what ends trust in the account.

The lookup asks Redis first and the database behind it. What Redis holds is the session's user, encrypted. An ended
session leaves a tombstone that a slower reader cannot overwrite (it fills with SET NX), so its tokens are refused at
once; a changed user leaves a short hold, after which the next reader fetches the row anew.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from redis import Redis

from accounts.models import Session, SessionQuerySet, User
from accounts.tokens import Claims, InvalidToken, Kind, read, refresh_life
from core import redis
from core.api import limits
from core.client import client_address
from core.encryption.keyring import DecryptionError, get_keyring
from core.errors import NotSignedIn

LIFE_SECONDS = 60  # how long Redis answers before the row is asked again; also how often last_seen_at is written
HOLD_SECONDS = 5  # longer than any reader needs between reading the row and filling the cache
ENDED, HOLD = b"ended", b"hold"
WRONG_CREDENTIALS = "Invalid email or password"  # the contract's words
ENDED_SENTENCE = "Your session has ended. Please sign in again."
_LABEL = b"session.user"
_FIELDS = ("id", "email", "name", "phone", "role", "specialization", "department", "is_superuser", "practice_id")
_TIMES = ("created_at", "updated_at")


def _key(session_id: UUID) -> str:
    return f"session:{session_id}"


@transaction.atomic
def begin(*, user: User, request: HttpRequest) -> Session:
    """A new session, on the device behind the request, of the user whose password was just found right. Raises
    NotSignedIn when it was changed, or the user deactivated, while it was being checked."""
    current = User.sign_in.select_for_update().get(pk=user.pk)
    if current.password != user.password or not current.is_active:
        raise NotSignedIn(WRONG_CREDENTIALS)
    return Session.objects.create(
        user=current,
        expires_at=timezone.now() + refresh_life(),
        address=client_address(request),
        agent=request.headers.get("User-Agent", "")[:255].replace("\x00", ""),
    )


def to_refresh(token: str) -> Session:
    """The live session of a refresh token, its user's row as it is now; raises NotSignedIn."""
    try:
        claims = read(token, Kind.REFRESH)
    except InvalidToken as error:
        raise NotSignedIn(ENDED_SENTENCE) from error
    session = _live_session(claims)
    if session is None:
        raise NotSignedIn(ENDED_SENTENCE)
    return session


@transaction.atomic
def end(*, session_id: UUID) -> None:
    """End one session; its tokens are refused from the commit on."""
    _end(Session.objects.filter(pk=session_id))


@transaction.atomic
def end_all(*, user: User) -> None:
    """End every session of this user, the admin site's too, as a password change, a new role and a deactivation do."""
    user.session_epoch += 1
    User.sign_in.filter(pk=user.pk).update(session_epoch=user.session_epoch)
    _end(Session.objects.filter(user=user))


def _end(sessions: SessionQuerySet) -> None:
    ids = list(sessions.live().values_list("pk", flat=True))
    sessions.filter(pk__in=ids).update(revoked_at=timezone.now())
    _mark(ids, ENDED, refresh_life())


def user_changed(*, user: User) -> None:
    """Make the next request of each of this user's sessions read the row anew."""
    if redis.configured():
        ids = Session.objects.filter(user=user).live().values_list("pk", flat=True)
        _mark(list(ids), HOLD, timedelta(seconds=HOLD_SECONDS))


def _mark(session_ids: list[UUID], mark: bytes, life: timedelta) -> None:
    def mark_all(client: Redis) -> None:
        for session_id in session_ids:
            client.set(_key(session_id), mark, ex=life)

    def write() -> None:
        try:
            redis.insist(mark_all)
        except redis.RedisDown:
            pass  # told by redis.ask; what Redis still holds is gone after LIFE_SECONDS

    if redis.configured():
        transaction.on_commit(write)


def user_of(claims: Claims) -> tuple[User | None, bool | None]:
    """The active user of a live session, None where it has ended; and whether their call is within the limit, None
    where nobody has counted it yet. Redis is asked for both at once."""
    stored, within_limit = _ask_redis(claims)
    if stored == ENDED:
        return None, None
    return _opened(stored, claims) or _from_database(claims), within_limit


def _live_session(claims: Claims) -> Session | None:
    sessions = Session.objects.live().select_related("user")
    return sessions.filter(pk=claims.session_id, user_id=claims.user_id, user__is_active=True).first()


def _from_database(claims: Claims) -> User | None:
    session = _live_session(claims)
    if session is None:
        return None
    now = timezone.now()
    if now - session.last_seen_at > timedelta(seconds=LIFE_SECONDS):
        Session.objects.filter(pk=session.pk).update(last_seen_at=now)
    _remember(session)
    return session.user


def _remember(session: Session) -> None:
    if not redis.configured():
        return
    row = orjson.dumps({name: getattr(session.user, name) for name in (*_FIELDS, *_TIMES)})
    value = get_keyring().encrypt(row, _LABEL)
    try:
        redis.ask(lambda client: client.set(_key(session.pk), value, nx=True, ex=LIFE_SECONDS))
    except redis.RedisDown:
        pass  # told by redis.ask; the database answers


def _ask_redis(claims: Claims) -> tuple[bytes | None, bool | None]:
    if not redis.configured():
        return None, None
    try:
        return limits.read_and_count(read=_key(claims.session_id), refused=ENDED, user_id=str(claims.user_id))
    except redis.RedisDown:
        return None, None


def _opened(stored: bytes | None, claims: Claims) -> User | None:
    if stored is None or stored == HOLD:
        return None
    try:
        row = orjson.loads(get_keyring().decrypt(stored, _LABEL))
    except DecryptionError:
        return None  # written under a key that has left the ring
    if row["id"] != str(claims.user_id):
        return None
    return _user_from(row)


def _user_from(row: dict[str, Any]) -> User:
    row["id"] = UUID(row["id"])
    row["practice_id"] = row["practice_id"] and UUID(row["practice_id"])
    for name in _TIMES:
        row[name] = datetime.fromisoformat(row[name])
    row["is_active"] = True
    names = [field.attname for field in User._meta.concrete_fields if field.attname in row]  # from_db goes by order
    return User.from_db("default", names, [row[name] for name in names])
