"""Counters that Redis keeps: of what the worker does, whose process nobody can ask. Without Redis there are none."""

from typing import Any

import structlog
from prometheus_client.core import CounterMetricFamily

from core.cache import redis_client

KEY = "praxis:metrics:messages"
logger = structlog.get_logger("praxis.metrics")


def count_message(channel: str, status: str, number: int = 1) -> None:
    """Count messages by what became of them. It never fails: what it counts has happened."""
    if not redis_client.configured():
        return
    try:
        redis_client.call(lambda client: client.hincrby(KEY, f"{channel}:{status}", number))
    except redis_client.RedisDown:
        logger.warning("message not counted")


def messages() -> CounterMetricFamily:
    family = CounterMetricFamily(
        "praxis_messages", "Messages to people, by channel and what became of them.", labels=["channel", "status"]
    )
    if redis_client.configured():
        kept: Any = redis_client.call(lambda client: client.hgetall(KEY))
        for name, number in sorted(kept.items()):
            channel, _, status = name.decode().partition(":")
            family.add_metric([channel, status], int(number))
    return family
