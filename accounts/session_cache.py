"""What Redis knows of sessions: the user of each, encrypted, and when it was last seen (docs/adr/0002 and 0008).

An ended session leaves a tombstone that a slower reader cannot overwrite (it fills with SET NX), so its tokens are
refused at once; a changed user leaves a short hold, after which the next reader fetches the row anew.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone
from redis import Redis

from accounts import logoff
from accounts.models import Session, User
from accounts.tokens import Claims
from core import redis
from core.api import limits
from core.encryption.keyring import DecryptionError, get_keyring

LIFE = timedelta(seconds=60)  # how long Redis answers before the row is asked again, and last_seen_at written
HOLD_SECONDS = 5  # longer than any reader needs between reading the row and filling the cache
ENDED, TIMED_OUT, HOLD = b"ended", b"ended: timed out", b"hold"
_LABEL = b"session.user 2"  # another one whenever an entry holds something else: no release reads another's
_FIELDS = (
    "id",
    "email",
    "name",
    "phone",
    "role",
    "specialization",
    "department",
    "is_superuser",
    "practice_id",
    "office_id",
)
_TIMES = ("created_at", "updated_at")
_DUE = "second_factor_due"  # no column: it depends on the session too


class Answer(NamedTuple):
    """`stored` is a tombstone, a hold, or what `opened` opens; `within_limit` is None where nobody has counted the
    call; `seen` tells that the session had not timed out, and has been noted as seen now."""

    stored: bytes | None = None
    within_limit: bool | None = None
    seen: bool = False


def _key(session_id: UUID) -> str:
    return f"session:{session_id}"


def ask(claims: Claims) -> Answer:
    """All that a request needs of Redis, in one exchange."""
    if not redis.configured():
        return Answer()
    stamp = limits.Stamp(
        key=logoff.key(claims.session_id),
        now=logoff.stored(timezone.now()),
        earliest=logoff.stored(logoff.earliest()),
        life=_seen_life(),
    )
    try:
        return Answer(
            *limits.read_and_count(
                read=_key(claims.session_id), refused=ENDED, stamp=stamp, user_id=str(claims.user_id)
            )
        )
    except redis.RedisDown:
        return Answer()


def _seen_life() -> int:
    """Seconds; a stamp that is older has nothing to tell."""
    return max(1, int(logoff.idle_limit().total_seconds()))


def remember(session: Session) -> None:
    """The session was seen just now, with its row as it is. Its entry leaves as the row's last_seen_at comes of age."""
    if not redis.configured():
        if logoff.concerns(session.user):
            logoff.remember(session.pk)
        return
    unreadable = session.user.get_deferred_fields()  # a damaged name ends nobody's work
    names = (*_FIELDS, *_TIMES, _DUE)
    row = orjson.dumps({name: getattr(session.user, name) for name in names if name not in unreadable})
    value = get_keyring().encrypt(row, _LABEL)
    now = timezone.now()
    milliseconds = max(1, int((LIFE - (now - session.last_seen_at)) / timedelta(milliseconds=1)))

    def fill(client: Redis) -> None:
        both = client.pipeline(transaction=False)
        both.set(_key(session.pk), value, nx=True, px=milliseconds)
        if logoff.concerns(session.user):
            both.set(logoff.key(session.pk), logoff.stored(now), ex=_seen_life())
        both.execute()

    try:
        redis.ask(fill)
    except redis.RedisDown:
        pass  # told by redis.ask; the database answers


def mark(session_ids: list[UUID], with_mark: bytes, *, life: timedelta) -> None:
    """Write a tombstone or a hold over what Redis holds of these sessions, once the transaction is committed."""

    def mark_all(client: Redis) -> None:
        for session_id in session_ids:
            client.set(_key(session_id), with_mark, ex=life)

    def write() -> None:
        try:
            redis.insist(mark_all)
        except redis.RedisDown:
            pass  # told by redis.ask; what Redis still holds is gone after LIFE

    if redis.configured():
        transaction.on_commit(write)


def opened(stored: bytes | None, claims: Claims) -> User | None:
    """The user that Redis holds for this session; None where the row has to be asked."""
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
    for name in ("practice_id", "office_id"):
        row[name] = row[name] and UUID(row[name])
    for name in _TIMES:
        row[name] = datetime.fromisoformat(row[name])
    row["is_active"] = True
    names = [field.attname for field in User._meta.concrete_fields if field.attname in row]  # from_db goes by order
    user = User.from_db("default", names, [row[name] for name in names])
    user.second_factor_due = row[_DUE]
    return user
