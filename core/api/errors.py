"""Errors of the API (DESIGN.md rule 7): `{"detail": "one sentence"}`, and `"errors": {field: [..]}` beside it on a
400 from validation. Nothing internal is ever shown."""

import math
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from audit.trail import TrailDown
from core.api.json import MEDIA_TYPE, dumps
from core.client import is_api
from core.errors import Refusal

logger = structlog.get_logger("praxis.errors")
UNEXPECTED = "Something went wrong on our side. Please try again."
TRAIL_DOWN = "The audit trail cannot be written right now, so nothing was done or shown. Please try again in a moment."
NOT_FOUND = "Not found."
MALFORMED = "The request is malformed."


def error_response(status: int, detail: str) -> HttpResponse:
    """For what answers before a view is reached."""
    return HttpResponse(dumps({"detail": detail}), status=status, content_type=MEDIA_TYPE)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every exception becomes an answer of the one shape."""
    set_rollback()
    if isinstance(error, Refusal):
        body: dict[str, Any] = {"detail": error.detail, **error.shown}
        if error.errors:
            body["errors"] = error.errors
        return _response(body, error.status, retry_after=getattr(error, "retry_after", None))
    if isinstance(error, TrailDown):
        logger.error("The audit trail cannot be written")
        return _response({"detail": TRAIL_DOWN}, 503)
    if isinstance(error, exceptions.ValidationError):
        fields = _messages_by_field(error.detail)
        field, messages = next(iter(fields.items()))
        return _response({"detail": f"{field}: {messages[0]}", "errors": fields}, 400)
    if isinstance(error, exceptions.APIException):
        challenge = getattr(error, "auth_header", None)
        response = _response({"detail": _sentence(error)}, error.status_code, retry_after=getattr(error, "wait", None))
        if challenge:
            response["WWW-Authenticate"] = challenge
        return response
    if isinstance(error, Http404):
        return _response({"detail": NOT_FOUND}, 404)
    if isinstance(error, PermissionDenied):
        return _response({"detail": "You may not do this."}, 403)
    if isinstance(error, RequestDataTooBig):
        return _response({"detail": "The request body is too large."}, 413)
    # RecursionError: JSON within JSON, a thousand deep; UnreadablePostError: the rest of the body never came
    if isinstance(error, SuspiciousOperation | RecursionError | UnreadablePostError):
        return _response({"detail": MALFORMED}, 400)
    logger.error("unexpected error", view=type(context.get("view")).__name__, exc_info=error)
    return _response({"detail": UNEXPECTED}, 500)


def _response(body: dict[str, Any], status: int, *, retry_after: float | None = None) -> Response:
    response = Response(body, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(math.ceil(retry_after))
    return response


def _sentence(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.Throttled):
        return f"Too many requests. Please try again in {getattr(error, 'wait', 60)} second(s)."
    detail: Any = error.detail
    return str(detail) if not isinstance(detail, list | dict) else str(next(iter(detail)))


def _messages_by_field(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested details as one flat map: `attachments.2` names an item of a list."""
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for field, inner in detail.items():
            flat.update(_messages_by_field(inner, f"{prefix}.{field}" if prefix else str(field)))
        return flat
    messages = [str(message) for message in (detail if isinstance(detail, list) else [detail])]
    return {prefix or "request": messages}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: what was refused before a view was reached, such as a foreign Host header."""
    if is_api(request):
        return error_response(400, MALFORMED)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404."""
    if is_api(request):
        return error_response(404, NOT_FOUND)
    return render(request, "error.html", {"title": "Page not found", "sentence": "There is nothing here."}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, for what broke outside a view of the API."""
    logger.error("unexpected error outside the API's views", exc_info=True)
    if is_api(request):
        return error_response(500, UNEXPECTED)
    return render(request, "error.html", {"title": "Something went wrong", "sentence": UNEXPECTED}, status=500)
