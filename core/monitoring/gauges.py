"""What is asked for when somebody reads /metrics: a fixed number of cheap statements, however much there is.

An app registers its own with `@gauges` in its `metrics.py`, which is found by itself.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from audit.models import Unsealed
from core.backups import runs
from core.cache import redis_client
from core.encryption.keyring import get_keyring
from core.monitoring import shared
from core.tenancy.scope import installation_scope

Collector = Callable[[], Iterator[Metric]]
logger = structlog.get_logger("praxis.metrics")
_COLLECTORS: list[Collector] = []


def gauges(function: Collector) -> Collector:
    """Register a function that yields metrics. One that cannot reach what it asks may raise DatabaseError or RedisDown:
    its metrics are missing then, and the others are there."""
    _COLLECTORS.append(function)
    return function


def last_backup() -> datetime | None:
    """Return when the last backup was begun; None if there is none."""
    run = runs.last_backup()
    return run.began_at if run else None


def gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """Return a gauge; without a value it has a name and a text only."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


class Gauges:
    """The collector of all that are registered."""

    def collect(self) -> Iterator[Metric]:
        for collector in _COLLECTORS:
            try:
                yield from collector()
            except (DatabaseError, redis_client.RedisDown) as error:
                logger.warning("metrics missing", error=type(error).__name__)


@gauges
def _database() -> Iterator[Metric]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        answers = 1
    except DatabaseError:
        answers = 0
    yield gauge("praxis_database_up", "1 if the database answers.", answers)


@gauges
def _redis() -> Iterator[Metric]:
    answers = float(redis_client.is_reachable()) if redis_client.configured() else None
    yield gauge("praxis_redis_up", "1 if Redis answers; missing without Redis.", answers)
    yield shared.messages()


@gauges
def _trail() -> Iterator[Metric]:
    yield gauge(
        "praxis_trail_unsealed_seconds",
        "Age of the oldest event of the audit trail that no seal covers yet; 0: all are sealed.",
        unsealed_seconds(),
    )


@installation_scope()
def unsealed_seconds() -> float:
    oldest = Unsealed.objects.order_by("event_id").values_list("event_id", flat=True).first()
    if oldest is None:
        return 0.0
    return max(0.0, timezone.now().timestamp() - (oldest.int >> 80) / 1000)  # a UUIDv7 begins with its milliseconds


@gauges
def _keys() -> Iterator[Metric]:
    yield gauge(
        "praxis_encryption_key_age_seconds",
        "Age of the newest key of FIELD_ENCRYPTION_KEYS; missing if its day is not written beside it.",
        key_age_seconds(),
    )


def key_age_seconds() -> float | None:
    ring = get_keyring()
    made = getattr(ring.keys[ring.newest_id], "made", None)
    if made is None:
        return None
    return (timezone.now() - datetime.combine(made, time(), UTC)).total_seconds()


@gauges
def _backups() -> Iterator[Metric]:
    begun = last_backup()
    yield gauge("praxis_backup_known", "1 if there is a backup.", float(begun is not None))
    yield gauge(
        "praxis_backup_timestamp_seconds",
        "When the last complete backup was begun, in seconds since 1970; missing if unknown.",
        begun.timestamp() if begun else None,
    )
