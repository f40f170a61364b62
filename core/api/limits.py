"""How often one may call: per user, per address for anonymous calls. The `limits` library counts in a sliding window,
atomically in Redis, so that of parallel calls exactly the allowed number passes."""

import threading
import time
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.exceptions import Throttled

from core import redis
from core.client import counted_address
from core.errors import Unavailable

# Parallel first calls would each make a limiter, and the storage in memory reads its count outside its own lock.
_one_at_a_time = threading.Lock()


class Stamp(NamedTuple):
    """A moment kept under `key`. `now` (seconds, like all here) replaces it unless it lies before `earliest`; it is
    forgotten `life` later."""

    key: str
    now: str
    earliest: str
    life: int


class ReadingStorage(RedisStorage):
    """The library's storage, which can also read a key and renew a stamp in the exchange that counts: a call then waits
    for Redis once instead of three times. Its script is the library's own, called from ours."""

    SCRIPT_READ_AND_COUNT = (
        b"local function count()\n" + RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW + b"\nend\n"
        b"local value = redis.call('GET', KEYS[3])\n"
        b"if value and string.sub(value, 1, #ARGV[4]) == ARGV[4] then return {value, false, false} end\n"
        b"local seen = tonumber(redis.call('GET', KEYS[4]) or nil)\n"
        b"local renewed = seen and seen >= tonumber(ARGV[6]) or false\n"
        b"if renewed then redis.call('SET', KEYS[4], ARGV[5], 'EX', ARGV[7]) end\n"
        b"return {value, count(), renewed}\n"
    )

    def initialize_storage(self, uri: str) -> None:
        super().initialize_storage(uri)
        self.lua_read_and_count = self.get_connection().register_script(self.SCRIPT_READ_AND_COUNT)

    def read_and_count(
        self, read: str, refused: bytes, stamp: Stamp, item: RateLimitItemPerMinute, identifier: str
    ) -> list[Any]:
        """What `read` holds, 1 where the call was within the limit, and 1 where the stamp was renewed; neither is done
        where `read` begins with `refused`."""
        counted = item.key_for(identifier)
        previous = self.prefixed_key(self._previous_window_key(counted))
        current = self.prefixed_key(self._current_window_key(counted))
        found: list[Any] = self.lua_read_and_count(
            [previous, current, read, stamp.key],
            [item.amount, item.get_expiry(), 1, refused, stamp.now, stamp.earliest, stamp.life],
        )
        return found


@cache
def _make_limiter() -> SlidingWindowCounterRateLimiter:
    if not redis.configured():
        return SlidingWindowCounterRateLimiter(MemoryStorage())
    pool = redis.client().connection_pool
    return SlidingWindowCounterRateLimiter(ReadingStorage(settings.REDIS_URL, connection_pool=pool))


def _limiter() -> SlidingWindowCounterRateLimiter:
    with _one_at_a_time:
        return _make_limiter()


@cache
def _per_minute(amount: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(amount)


@cache
def _per_hour(amount: int) -> RateLimitItemPerHour:
    return RateLimitItemPerHour(amount)


def _of_user(user_id: str) -> tuple[RateLimitItemPerMinute, str]:
    return _per_minute(settings.RATE_LIMIT_PER_MINUTE), f"user:{user_id}"


def _of_address(request: HttpRequest) -> tuple[RateLimitItemPerMinute, str]:
    return _per_minute(settings.ANON_RATE_LIMIT_PER_MINUTE), f"address:{counted_address(request)}"


def read_and_count(*, read: str, refused: bytes, stamp: Stamp, user_id: str) -> tuple[bytes | None, bool, bool]:
    """What Redis holds under `read`, whether this user's call is within the limit, and whether the stamp was renewed;
    neither is done where `read` begins with `refused`. Raises RedisDown."""
    storage: Any = _limiter().storage
    value, within, renewed = redis.ask(lambda client: storage.read_and_count(read, refused, stamp, *_of_user(user_id)))
    return value, bool(within), bool(renewed)


def spend(name: str, identifier: str, *, an_hour: int) -> None:
    """Count one try of something that must not be guessed or flooded; raises Throttled with the seconds to wait, and
    Unavailable where it cannot be counted: it fails closed, as sign-in does."""
    _count(_per_hour(an_hour), f"{name}:{identifier}", fail_closed=True)


def spend_a_minute(name: str, identifier: str, *, most: int) -> None:
    """Count one call of something that may be done so often a minute; raises Throttled. It fails open."""
    _count(_per_minute(most), f"{name}:{identifier}")


def spend_by_address(name: str, request: HttpRequest, *, an_hour: int) -> None:
    """The same for one caller's address."""
    spend(name, counted_address(request), an_hour=an_hour)


def refuse(user_id: str) -> None:
    """Raises Throttled with the seconds that this user has to wait."""
    raise Throttled(wait=_seconds_left(*_of_user(user_id)))


def count_user(user_id: str) -> None:
    """Count this user's call; raises Throttled with the seconds to wait."""
    _count(*_of_user(user_id))


def count_address(request: HttpRequest) -> None:
    """Count this anonymous call; raises Throttled with the seconds to wait."""
    _count(*_of_address(request))


def _count(item: RateLimitItem, identifier: str, *, fail_closed: bool = False) -> None:
    """With Redis down calls pass (sign-in, which has a lock of its own, fails closed: accounts/lockout.py)."""
    limiter = _limiter()
    if redis.configured():
        try:
            allowed = redis.ask(lambda client: limiter.hit(item, identifier))
        except redis.RedisDown as error:
            if fail_closed:
                raise Unavailable("This cannot be counted right now. Please try again in a moment.") from error
            return  # told by redis.ask, once a second and not once a call
    else:
        with _one_at_a_time:
            allowed = limiter.hit(item, identifier)
    if not allowed:
        raise Throttled(wait=_seconds_left(item, identifier))


def _seconds_left(item: RateLimitItem, identifier: str) -> float:
    limiter = _limiter()
    if not redis.configured():
        return max(1.0, limiter.get_window_stats(item, identifier).reset_time - time.time())
    try:
        stats = redis.ask(lambda client: limiter.get_window_stats(item, identifier))
    except redis.RedisDown:
        return float(item.get_expiry())
    return max(1.0, stats.reset_time - time.time())
