"""Health checks: public, cheap and not rate limited."""

import math
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import log
from audit.log import AuditLogUnavailable
from core.api.schema import extend_schema
from core.api.serializers import OutputSerializer
from core.api.views import PublicView
from core.cache import redis_client
from core.choices import PublicTextChoices
from core.tenancy.scope import installation_scope

WRITE_SECONDS = 5.0  # between two attempts to write


class HealthStatus(PublicTextChoices):
    OK = "ok", "ok"
    FAILING = "failing", "failing"


OK, FAILING = HealthStatus.OK.value, HealthStatus.FAILING.value


class HealthShape(OutputSerializer[Any]):
    status = serializers.ChoiceField(choices=HealthStatus.choices)
    checks = serializers.DictField(child=serializers.ChoiceField(choices=HealthStatus.choices))


class LiveShape(OutputSerializer[Any]):
    status = serializers.ChoiceField(choices=[OK])


@cache
def _all_migrated() -> None:
    """Raise DatabaseError while migrations are pending. Cached once there are none."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise DatabaseError("migrations are pending")


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache() -> None:
    if redis_client.configured():
        redis_client.call(lambda client: client.ping())


class _Writing:
    """Whether what happens can be written down: a full disk or a missing right shows here and in no reading. Anybody
    may ask, so that the database is asked once in some seconds, and whoever asks meanwhile hears what it said."""

    def __init__(self) -> None:
        self._lock, self._tried_at, self._works = threading.Lock(), -math.inf, True

    def check(self) -> None:
        """Raise AuditLogUnavailable."""
        if time.monotonic() - self._tried_at >= WRITE_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._works = _can_write()
                self._tried_at = time.monotonic()
            finally:
                self._lock.release()
        if not self._works:
            raise AuditLogUnavailable

    def reset(self) -> None:
        self._tried_at = -math.inf


def _can_write() -> bool:
    try:
        with installation_scope():
            log.try_to_write()
    except AuditLogUnavailable:
        return False
    return True


writing = _Writing()


def state() -> dict[str, str]:
    checks: dict[str, Callable[[], None]] = {
        "database": _database,
        "cache": _cache,
        "migrations": _all_migrated,
        "writing": writing.check,
    }
    found = {}
    for name, check in checks.items():
        try:
            check()
            found[name] = OK
        except (DatabaseError, redis_client.RedisDown, AuditLogUnavailable):
            found[name] = FAILING
    return found


class Health(PublicView):
    methods = ("GET",)
    throttle_classes = []
    extra_errors = {"GET": {"503": "A check fails."}}

    @extend_schema(
        responses={200: HealthShape, 503: HealthShape},
        auth=[],
        summary="Database, cache, migrations, and whether the audit trail can be written",
    )
    def get(self, request: Request) -> Response:
        checks = state()
        healthy = set(checks.values()) == {OK}
        return Response({"status": OK if healthy else FAILING, "checks": checks}, status=200 if healthy else 503)


class Ready(Health):
    """The same under the name that orchestrators use."""


class Live(PublicView):
    methods = ("GET",)
    throttle_classes = []

    @extend_schema(responses={200: LiveShape}, auth=[], summary="The process answers")
    def get(self, request: Request) -> Response:
        return Response({"status": OK})
