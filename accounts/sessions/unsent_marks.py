"""Tombstones and stale marks that Redis did not take: a thread sends them as soon as Redis answers, so that other
processes do not find the entry of before. Once such an entry has expired nothing is left to send."""

import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import redis
import structlog

from core.cache import redis_client

logger = structlog.get_logger("praxis.redis")
RETRY_SECONDS = 0.05
_lock = threading.Lock()
_waiting: "dict[str, Mark]" = {}


class Mark(NamedTuple):
    """What to store under a key. It is given up at `until`, on the monotonic clock."""

    value: bytes
    life: timedelta
    until: float


def remember(keys: Iterable[str], value: bytes, *, life: timedelta, needed: timedelta) -> None:
    """Send the marks as soon as Redis answers, for as long as this is `needed`."""
    mark = Mark(value, life, time.monotonic() + needed.total_seconds())
    with _lock:
        is_running = bool(_waiting)
        _waiting.update(dict.fromkeys(keys, mark))
        if _waiting and not is_running:
            threading.Thread(target=_send_until_stored, name="unsent-marks", daemon=True).start()


def _send_until_stored() -> None:
    while marks := _still_needed():
        try:
            pipeline = redis_client.client().pipeline(transaction=False)
            for key, mark in marks.items():
                pipeline.set(key, mark.value, ex=mark.life)
            pipeline.execute()
        except redis.RedisError:
            time.sleep(RETRY_SECONDS)
        else:
            _forget(marks)
            logger.info("Redis has the marks that it missed", marks=len(marks))


def _still_needed() -> dict[str, Mark]:
    with _lock:
        for key, mark in list(_waiting.items()):
            if mark.until < time.monotonic():
                del _waiting[key]
        return dict(_waiting)


def _forget(sent: dict[str, Mark]) -> None:
    with _lock:
        for key, mark in sent.items():
            if _waiting.get(key) is mark:
                del _waiting[key]
