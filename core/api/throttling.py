"""Rate limits per user, and per address for anonymous calls. The `limits` library counts in a sliding window,
atomically in Redis, so that of parallel calls exactly the allowed number passes."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import Redis
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.cache import redis_client
from core.client import counted_address
from core.errors import Unavailable

# Parallel first calls would each create a limiter, and the in-memory storage reads its count outside its own lock.
_lock = threading.Lock()
_polling: ContextVar[bool] = ContextVar("polling", default=False)


class Stamp(NamedTuple):
    """A timestamp stored under `key`, in seconds. `now` replaces it unless it is before `earliest`; it expires after
    `life` seconds."""

    key: str
    now: str
    earliest: str
    life: int


class ReadingStorage(RedisStorage):
    """The library's storage, which can also read a key and renew a stamp in the round trip that counts a call.

    The library's script is called from ours instead of beside it in a pipeline, because whether the call counts depends
    on what is read (docs/adr/0025).
    """

    SCRIPT_READ_AND_COUNT = (
        b"local function count()\n" + RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW + b"\nend\n"
        b"local value = redis.call('GET', KEYS[3])\n"
        b"if value and string.sub(value, 1, #ARGV[4]) == ARGV[4] then return {value, false, false, {}} end\n"
        b"local seen = tonumber(redis.call('GET', KEYS[4]) or nil)\n"
        b"local renewed = seen and seen >= tonumber(ARGV[6]) or false\n"
        b"if renewed then redis.call('SET', KEYS[4], ARGV[5], 'EX', ARGV[7]) end\n"
        b"local more = KEYS[5] and redis.call('MGET', unpack(KEYS, 5)) or {}\n"
        b"return {value, count(), renewed, more}\n"
    )

    def initialize_storage(self, uri: str) -> None:
        super().initialize_storage(uri)
        self.lua_read_and_count = self.get_connection().register_script(self.SCRIPT_READ_AND_COUNT)

    def read_and_count(
        self,
        client: Redis,
        read: str,
        refused: bytes,
        stamp: Stamp,
        item: RateLimitItemPerMinute,
        identifier: str,
        more: Sequence[str],
    ) -> list[Any]:
        """Return the value of `read`, 1 if the call is within the limit, 1 if the stamp was renewed, and the values of
        `more`. If the first begins with `refused`, nothing else is done."""
        counted = item.key_for(identifier)
        previous = self.prefixed_key(self._previous_window_key(counted))
        current = self.prefixed_key(self._current_window_key(counted))
        found: list[Any] = redis_client.run_script(
            client,
            self.lua_read_and_count,
            [previous, current, read, stamp.key, *more],
            [item.amount, item.get_expiry(), 1, refused, stamp.now, stamp.earliest, stamp.life],
        )
        return found


@cache
def _make_limiter() -> SlidingWindowCounterRateLimiter:
    if not redis_client.configured():
        return SlidingWindowCounterRateLimiter(MemoryStorage())
    pool = redis_client.client().connection_pool
    return SlidingWindowCounterRateLimiter(ReadingStorage(settings.REDIS_URL, connection_pool=pool))


def _limiter() -> SlidingWindowCounterRateLimiter:
    with _lock:
        return _make_limiter()


@cache
def _per_minute(amount: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(amount)


@cache
def _per_hour(amount: int) -> RateLimitItemPerHour:
    return RateLimitItemPerHour(amount)


@contextmanager
def counted_as_poll() -> Iterator[None]:
    """Count what a person's open pages and programs ask by themselves, whether anything has changed, apart from their
    calls, and up to a bound of its own."""
    token = _polling.set(True)
    try:
        yield
    finally:
        _polling.reset(token)


def _of_user(user_id: str) -> tuple[RateLimitItemPerMinute, str]:
    if _polling.get():
        return _per_minute(settings.POLLS_PER_MINUTE), f"polls:{user_id}"
    return _per_minute(settings.RATE_LIMIT_PER_MINUTE), f"user:{user_id}"


def _of_address(request: HttpRequest) -> tuple[RateLimitItemPerMinute, str]:
    return _per_minute(settings.ANON_RATE_LIMIT_PER_MINUTE), f"address:{counted_address(request)}"


def read_and_count(
    *, read: str, refused: bytes, stamp: Stamp, user_id: str, more: Sequence[str]
) -> tuple[bytes | None, bool, bool, list[bytes | None]]:
    """Return the value of `read` in Redis, whether this user's call is within the limit, whether the stamp was renewed,
    and the values of `more`. If the first begins with `refused`, the call is not counted, no stamp renewed, and no more
    is read. Raise RedisDown."""
    storage: Any = _limiter().storage
    value, within, renewed, others = redis_client.call(
        lambda client: storage.read_and_count(client, read, refused, stamp, *_of_user(user_id), more)
    )
    return value, bool(within), bool(renewed), others


def count_attempt(name: str, identifier: str, *, per_hour: int) -> None:
    """Count an attempt at something that must not be guessed or flooded. Raise Throttled with the seconds to wait, or
    Unavailable if it cannot be counted: it fails closed, like sign-in."""
    _count(_per_hour(per_hour), f"{name}:{identifier}", fail_closed=True)


def count_per_minute(name: str, identifier: str, *, limit: int) -> None:
    """Count a call of something limited per minute. Raise Throttled; fails open."""
    _count(_per_minute(limit), f"{name}:{identifier}")


def count_attempt_by_address(name: str, request: HttpRequest, *, per_hour: int) -> None:
    """Count an attempt by the client's address; see `count_attempt`."""
    count_attempt(name, counted_address(request), per_hour=per_hour)


def store_verdict(request: HttpRequest, *, within: bool | None) -> None:
    """Store for CallThrottle whether the call is within its user's limit, which was counted in the same round trip that
    read the session; None if it has not been counted."""
    request.call_within_limit = within  # type: ignore[attr-defined]


class CallThrottle(BaseThrottle):
    """Counts a call: by the session that the view names, else by the signed-in user or the API key, else by the
    address."""

    _counted: tuple[RateLimitItem, str]

    def allow_request(self, request: Request, view: Any) -> bool:
        session_id = view.throttled_session(request)
        if session_id is not None:
            self._counted = _of_user(f"session:{session_id}")
        elif request.user is None:
            self._counted = _of_address(request._request)
        else:
            caller: Any = request.user
            self._counted = _of_user(caller.counted_as)
            within: bool | None = getattr(request._request, "call_within_limit", None)
            if within is not None:
                return within
        return _hit(*self._counted)

    def wait(self) -> float:
        return _seconds_left(*self._counted)


def count_address(request: HttpRequest) -> None:
    """Count an anonymous call. Raise Throttled with the seconds to wait."""
    _count(*_of_address(request))


def count_user(user_id: UUID) -> None:
    """Count a call of a signed-in person, on a page as through the API. Raise Throttled with the seconds to wait."""
    _count(*_of_user(str(user_id)))


def _count(item: RateLimitItem, identifier: str, *, fail_closed: bool = False) -> None:
    if not _hit(item, identifier, fail_closed=fail_closed):
        raise Throttled(wait=_seconds_left(item, identifier))


def _hit(item: RateLimitItem, identifier: str, *, fail_closed: bool = False) -> bool:
    """Count a call and return whether it is within the limit. If Redis is down, calls pass; sign-in has its own
    lockout, which fails closed (accounts/sign_in/lockout.py)."""
    limiter = _limiter()
    if not redis_client.configured():
        with _lock:
            return limiter.hit(item, identifier)
    try:
        return redis_client.call(lambda client: limiter.hit(item, identifier))
    except redis_client.RedisDown as error:
        if fail_closed:
            raise Unavailable(_("This isn't available right now. Please try again in a moment.")) from error
        return True  # logged by redis_client.call, once a second


def _seconds_left(item: RateLimitItem, identifier: str) -> float:
    limiter = _limiter()
    if not redis_client.configured():
        return max(1.0, limiter.get_window_stats(item, identifier).reset_time - time.time())
    try:
        stats = redis_client.call(lambda client: limiter.get_window_stats(item, identifier))
    except redis_client.RedisDown:
        return float(item.get_expiry())
    return max(1.0, stats.reset_time - time.time())
