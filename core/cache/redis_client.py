"""Redis with a circuit breaker: after a failure, calls fail at once for a second, so that a request that uses Redis
twice waits for it at most 0.25 s."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import redis
import structlog
from django.conf import settings
from django_redis import get_redis_connection
from redis.commands.core import Script
from redis.exceptions import NoScriptError

from core.metrics.requests import redis_failures

logger = structlog.get_logger("praxis.redis")
T = TypeVar("T")
RETRY_SECONDS = 1.0
_down_until = 0.0
_failed_at = -math.inf


class RedisDown(Exception):
    """Redis does not answer, or did not within the last second."""


def configured() -> bool:
    return bool(settings.REDIS_URL)


def failed_within(seconds: float) -> bool:
    """Return whether Redis failed to answer this process in this time, so that it may not know what it should."""
    return time.monotonic() - _failed_at < seconds


@cache
def client() -> redis.Redis:
    connection: redis.Redis = get_redis_connection("default")
    return connection


def is_reachable() -> bool:
    """Return whether Redis answers now, whatever failed before."""
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False


def call_with_retry(operation: Callable[[redis.Redis], T]) -> T:
    """Call Redis for what must not be lost, such as the end of a session: try twice, whatever failed before."""
    try:
        return operation(client())
    except redis.RedisError:
        return call(operation, even_when_down=True)


def call(operation: Callable[[redis.Redis], T], *, even_when_down: bool = False) -> T:
    """Return the result of `operation`; raise RedisDown if Redis is down."""
    global _down_until, _failed_at
    now = time.monotonic()
    if _down_until and not even_when_down:
        if now < _down_until:
            raise RedisDown
        _down_until = now + RETRY_SECONDS  # this call tries; the others still fail at once
    try:
        answer = operation(client())
    except redis.RedisError as error:
        _failed_at = time.monotonic()
        _down_until = _failed_at + RETRY_SECONDS
        redis_failures.inc()
        logger.error("Redis is out of reach", error=type(error).__name__)
        raise RedisDown from error
    _down_until = 0.0
    return answer


class _OwnConnection(threading.local):
    """The connection of a thread, and the pool whose settings it was made with."""

    connection: Any = None
    pool: Any = None


_own = _OwnConnection()


def run_script(client: redis.Redis, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Run a registered script on this thread's own connection. Raises RedisError."""
    parameters = (len(keys), *keys, *args)
    try:
        return run_command(client, "EVALSHA", script.sha, *parameters)
    except NoScriptError:  # EVAL runs and keeps it; after SCRIPT LOAD it may be lost again
        return run_command(client, "EVAL", script.script, *parameters)


def run_command(client: redis.Redis, *command: Any) -> Any:
    """Run a command, which may be run twice, on this thread's own connection. Every request of somebody signed in runs
    one, and what the library does around it (a connection taken from a pool and probed, its telemetry) costs twice as
    much as sending and reading it. Raises RedisError."""
    fresh = _own.pool is not client.connection_pool or not _own.connection.is_connected
    if _own.pool is not client.connection_pool:
        pool = client.connection_pool
        _own.connection, _own.pool = pool.connection_class(**pool.connection_kwargs), pool
    try:
        return _exchange(command)
    except redis.ConnectionError:
        if fresh:
            raise  # otherwise Redis may have closed it since the last request
    return _exchange(command)


def _exchange(command: Sequence[Any]) -> Any:
    connection = _own.connection
    try:
        connection.send_packed_command(connection.pack_command(*command), check_health=False)
        return connection.read_response(disable_decoding=True)
    except redis.ResponseError:
        raise  # a complete answer
    except BaseException:
        connection.disconnect()  # or the next request would read the answer to this one
        raise
