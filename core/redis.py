"""Redis with a short patience: after a failure further calls fail at once for a second, so that a request that needs
Redis twice still waits no more than 0.25 s for it (DESIGN.md, known traps)."""

import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
import structlog
from django.conf import settings
from django_redis import get_redis_connection

logger = structlog.get_logger("praxis.redis")
T = TypeVar("T")
RETRY_SECONDS = 1.0
_down_until = 0.0


class RedisDown(Exception):
    """Redis did not answer, or did not a moment ago."""


def configured() -> bool:
    return bool(settings.REDIS_URL)


@cache
def client() -> redis.Redis:
    connection: redis.Redis = get_redis_connection("default")
    return connection


def insist(operation: Callable[[redis.Redis], T]) -> T:
    """`ask` for what must not be lost to a hiccup, such as the end of a session: it does not mind an earlier failure,
    and tries twice."""
    try:
        return operation(client())
    except redis.RedisError:
        return ask(operation, even_when_down=True)


def ask(operation: Callable[[redis.Redis], T], *, even_when_down: bool = False) -> T:
    """What `operation` answers; raises RedisDown when Redis is out of reach."""
    global _down_until
    now = time.monotonic()
    if _down_until and not even_when_down:
        if now < _down_until:
            raise RedisDown
        _down_until = now + RETRY_SECONDS  # this call tries; the others go on failing at once
    try:
        answer = operation(client())
    except redis.RedisError as error:
        _down_until = time.monotonic() + RETRY_SECONDS
        logger.error("Redis is out of reach", error=type(error).__name__)
        raise RedisDown from error
    _down_until = 0.0
    return answer
