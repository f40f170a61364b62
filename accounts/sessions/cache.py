"""The session cache in Redis: each session's user, encrypted, and when it was last seen (docs/adr/0002 and 0008).

An ended session leaves a tombstone that a slower reader cannot overwrite (entries are stored with SET NX), so its
tokens are rejected at once. A changed user leaves a short-lived stale mark, after which the next reader reloads the
row.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import transaction
from django.utils import timezone
from redis import Redis

from accounts.models import LoginSession, User
from accounts.sessions import idle_timeout, unsent_marks
from accounts.sessions.tokens import Claims
from core.api import throttling
from core.cache import cached_counts, redis_client
from core.encryption.keyring import DecryptionError, get_keyring

TTL = timedelta(seconds=60)  # until the row is read again and its last_seen_at updated
STALE_SECONDS = 5  # longer than any reader takes between reading the row and storing the entry
ENDED, TIMED_OUT, STALE = b"ended", b"ended: timed out", b"hold"
_LABEL = b"session.user 2"  # change it with the contents of an entry, so that no release reads another's
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
_DUE = "second_factor_due"  # not a column: it depends on the session too


class Answer(NamedTuple):
    """The cache's answer: `stored` is a tombstone, a stale mark, or an encrypted user (`decrypt_user`); `within_limit`
    is None if the call was not counted; `seen` means that the session had not timed out and is now marked as seen."""

    stored: bytes | None = None
    within_limit: bool | None = None
    seen: bool = False


def _key(session_id: UUID) -> str:
    return f"session:{session_id}"


def look_up(claims: Claims) -> Answer:
    """Return everything that a request needs from Redis, in one call."""
    if not redis_client.configured():
        return Answer()
    stamp = throttling.Stamp(
        key=idle_timeout.cache_key(claims.session_id),
        now=idle_timeout.encode_time(timezone.now()),
        earliest=idle_timeout.encode_time(idle_timeout.cutoff()),
        life=_seen_life(),
    )
    ahead = cached_counts.names_to_read_ahead(claims.session_id)
    try:
        stored, within_limit, seen, values = throttling.read_and_count(
            read=_key(claims.session_id), refused=ENDED, stamp=stamp, user_id=str(claims.user_id), more=ahead
        )
    except redis_client.RedisDown:
        return Answer()
    cached_counts.keep_read_ahead(ahead, values)
    answer = Answer(stored, within_limit, seen)
    if answer.stored not in (ENDED, TIMED_OUT) and redis_client.failed_within(TTL.total_seconds()):
        return answer._replace(stored=None)  # the session may have ended while Redis was out of reach
    return answer


def _seen_life() -> int:
    """Return how many seconds to keep a last-seen time; an older one means nothing."""
    return max(1, int(idle_timeout.idle_limit().total_seconds()))


def store(session: LoginSession) -> None:
    """Cache this session's user, and mark the session as seen now. The entry expires when `last_seen_at` is due for an
    update."""
    if not redis_client.configured():
        if idle_timeout.applies_to(session.user):
            idle_timeout.touch(session.pk)
        return
    unreadable = session.user.get_deferred_fields()  # an undecryptable name must not lock anyone out
    names = (*_FIELDS, *_TIMES, _DUE)
    row = orjson.dumps({name: getattr(session.user, name) for name in names if name not in unreadable})
    value = get_keyring().encrypt(row, _LABEL)
    now = timezone.now()
    milliseconds = max(1, int((TTL - (now - session.last_seen_at)) / timedelta(milliseconds=1)))

    def fill(client: Redis) -> None:
        pipeline = client.pipeline(transaction=False)
        pipeline.set(_key(session.pk), value, nx=True, px=milliseconds)
        if idle_timeout.applies_to(session.user):
            pipeline.set(idle_timeout.cache_key(session.pk), idle_timeout.encode_time(now), ex=_seen_life())
        pipeline.execute()

    try:
        redis_client.call(fill)
    except redis_client.RedisDown:
        pass  # logged by redis_client; the database answers


def mark(session_ids: list[UUID], with_mark: bytes, *, life: timedelta) -> None:
    """Overwrite these sessions' entries with a tombstone or a stale mark, once the transaction commits."""

    def mark_all(client: Redis) -> None:
        pipeline = client.pipeline(transaction=False)
        for session_id in session_ids:
            pipeline.set(_key(session_id), with_mark, ex=life)
        pipeline.execute()

    def write() -> None:
        try:
            redis_client.call_with_retry(mark_all)
        except redis_client.RedisDown:
            unsent_marks.remember(map(_key, session_ids), with_mark, life=life, needed=TTL)

    if redis_client.configured():
        transaction.on_commit(write)


def decrypt_user(stored: bytes | None, claims: Claims) -> User | None:
    """Return the cached user of this session, or None if the database has to be asked."""
    if stored is None or stored == STALE:
        return None
    try:
        row = orjson.loads(get_keyring().decrypt(stored, _LABEL))
    except DecryptionError:
        return None  # encrypted under a key that has left the keyring
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
    names = [field.attname for field in User._meta.concrete_fields if field.attname in row]  # in the order of from_db
    user = User.from_db("default", names, [row[name] for name in names])
    user.second_factor_due = row[_DUE]
    return user
