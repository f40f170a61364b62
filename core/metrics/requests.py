"""What each process counts by itself. With several processes the library keeps the figures in files that all of them
can read (config/gunicorn.py makes their folder), so that they add up whichever process is asked."""

import time
from collections.abc import Iterable
from functools import cache
from http import HTTPMethod
from typing import Any

from django.db import connection
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector

from audit.events import AuditEvent

POOL_SECONDS = 5.0  # between two looks at the pool of connections
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
NO_ROUTE = "none"  # middleware has answered, or no such page
METHODS = frozenset(HTTPMethod)
SIGN_INS = {
    AuditEvent.SIGNED_IN: "succeeded",
    AuditEvent.SIGN_IN_FAILED: "failed",
    AuditEvent.LOCKED_OUT: "locked_out",
    AuditEvent.SECOND_FACTOR_FAILED: "second_factor_failed",
}

disable_created_metrics()  # another series for each, which nobody asks for
requests = Counter(
    "praxis_requests", "Requests by method, route and status.", ["method", "route", "status"], registry=None
)
seconds = Histogram(
    "praxis_request_seconds", "How long requests took, by route.", ["route"], buckets=SECONDS, registry=None
)
sign_ins = Counter("praxis_sign_ins", "Sign-ins by how they ended.", ["result"], registry=None)
redis_failures = Counter("praxis_redis_failures", "Calls of Redis that failed.", registry=None)
connections = Gauge(
    "praxis_database_connections",
    "Connections of the pool, by state.",
    ["state"],
    registry=None,
    multiprocess_mode="livesum",
)
waiting = Gauge(
    "praxis_database_waiting", "Requests that wait for a connection.", registry=None, multiprocess_mode="livesum"
)
COUNTED: tuple[MetricWrapperBase, ...] = (requests, seconds, sign_ins, redis_failures, connections, waiting)
_looked_at = 0.0


@cache
def _counters(method: str, route: str, status: int) -> tuple[Any, Any]:
    """Looking a counter up costs several times as much as counting. There are as many as routes have answers."""
    return requests.labels(method, route, status), seconds.labels(route)


def count_request(method: str | None, route: str | None, status: int, started: float) -> None:
    """Count a request. `route` is the pattern of the address, never the address."""
    now = time.perf_counter()
    known = method if method in METHODS else "other"  # a client may send any word
    counter, histogram = _counters(known or "other", route or NO_ROUTE, status)
    counter.inc()
    histogram.observe(now - started)
    if now - _looked_at > POOL_SECONDS:
        look_at_pool()


def count_sign_in(kind: AuditEvent) -> None:
    if kind in SIGN_INS:
        sign_ins.labels(SIGN_INS[kind]).inc()


def look_at_pool() -> None:
    """Note the state of this process's pool. SQLite has none."""
    global _looked_at
    _looked_at = time.perf_counter()
    pool = getattr(connection, "pool", None)
    if pool is None:
        return
    known = pool.get_stats()
    idle = known.get("pool_available", 0)
    connections.labels("idle").set(idle)
    connections.labels("busy").set(known.get("pool_size", 0) - idle)
    waiting.set(known.get("requests_waiting", 0))


def collectors() -> Iterable[Any]:
    """Return what tells the figures of all processes of this server."""
    look_at_pool()
    if values.ValueClass is not values.MutexValue:  # config/gunicorn.py has made a folder
        return [MultiProcessCollector(CollectorRegistry())]
    return COUNTED
