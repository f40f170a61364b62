"""How late the worker is, for monitors."""

from typing import Any

from django.db import DatabaseError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.health import FAILING, OK, HealthStatus
from core.api.schema import extend_schema
from core.api.serializers import OutputSerializer
from core.api.views import PublicView
from notifications.jobs import status


class WorkerHealthShape(OutputSerializer[Any]):
    status = serializers.ChoiceField(choices=HealthStatus.choices)
    lateSeconds = serializers.IntegerField(
        allow_null=True, help_text="How long what is due longest has been waiting; null if no worker has ever run."
    )


class WorkerHealth(PublicView):
    methods = ("GET",)
    throttle_classes = []
    extra_errors = {"GET": {"503": "The worker is late, or none is running."}}

    @extend_schema(
        responses={200: WorkerHealthShape, 503: WorkerHealthShape}, auth=[], summary="How late the worker is"
    )
    def get(self, request: Request) -> Response:
        try:
            late = status.lateness()
        except DatabaseError:
            return Response({"status": FAILING, "lateSeconds": None}, status=503)
        state = FAILING if late.is_late else OK
        return Response({"status": state, "lateSeconds": late.seconds}, status=503 if late.is_late else 200)
