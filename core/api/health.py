"""Health checks: public, cheap and not rate limited."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.schema import extend_schema
from core.api.serializers import OutputSerializer
from core.api.views import PublicView
from core.cache import redis_client
from core.choices import PublicTextChoices


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


def _state() -> dict[str, str]:
    checks: dict[str, Callable[[], None]] = {"database": _database, "cache": _cache, "migrations": _all_migrated}
    state = {}
    for name, check in checks.items():
        try:
            check()
            state[name] = OK
        except (DatabaseError, redis_client.RedisDown):
            state[name] = FAILING
    return state


class Health(PublicView):
    methods = ("GET",)
    throttle_classes = []
    extra_errors = {"GET": {"503": "A check fails."}}

    @extend_schema(responses={200: HealthShape, 503: HealthShape}, auth=[], summary="Database, cache and migrations")
    def get(self, request: Request) -> Response:
        checks = _state()
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
