"""How often one may call: per user, per address for anonymous calls. The `limits` library counts in a sliding window,
atomically in Redis, so that of parallel calls exactly the allowed number passes."""

import logging
import threading
import time
from functools import cache

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from core import redis
from core.client import client_address

logger = logging.getLogger(__name__)
# Parallel first calls would each make a limiter, and the storage in memory reads its count outside its own lock.
_one_at_a_time = threading.Lock()


@cache
def _limiter() -> SlidingWindowCounterRateLimiter:
    if not redis.configured():
        return SlidingWindowCounterRateLimiter(MemoryStorage())
    pool = redis.client().connection_pool
    return SlidingWindowCounterRateLimiter(RedisStorage(settings.REDIS_URL, connection_pool=pool))


@cache
def _per_minute(amount: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(amount)


def count_call(request: Request, user_key: str | None) -> None:
    """Count this call; raises Throttled with the seconds to wait. With Redis down calls pass (sign-in, which has a
    lock of its own, fails closed: accounts/lockout.py)."""
    if user_key:
        item, key = _per_minute(settings.RATE_LIMIT_PER_MINUTE), f"user:{user_key}"
    else:
        item, key = _per_minute(settings.ANON_RATE_LIMIT_PER_MINUTE), f"address:{client_address(request._request)}"
    with _one_at_a_time:
        limiter = _limiter()
    if not redis.configured():
        with _one_at_a_time:
            allowed = limiter.hit(item, key)
        if not allowed:
            raise Throttled(wait=_seconds_left(limiter, item, key))
        return
    try:
        if redis.ask(lambda client: limiter.hit(item, key)):
            return
        wait = redis.ask(lambda client: _seconds_left(limiter, item, key))
    except redis.RedisDown:
        logger.error("A call was not counted against its limit: Redis is out of reach.")
        return
    raise Throttled(wait=wait)


def _seconds_left(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItemPerMinute, key: str) -> float:
    return max(1.0, limiter.get_window_stats(item, key).reset_time - time.time())
