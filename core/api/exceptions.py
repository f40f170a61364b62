"""Errors of the API: `{"detail": "one sentence"}`, with `"errors": {field: [..]}` on a 400 from
validation. Internals are never shown."""

import math
import sys
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from audit.log import AuditLogUnavailable
from core.api.renderers import MEDIA_TYPE, dumps
from core.client import is_api
from core.database.availability import SENTENCE, is_unavailable
from core.errors import Refusal, Sentence

logger = structlog.get_logger("praxis.errors")
UNEXPECTED = _("Something went wrong on our side. Please try again.")
TRAIL_DOWN = _(
    "The audit trail can't be written right now, so nothing was done or shown. Please try again in a moment."
)
NOT_FOUND = _("Not found.")
NO_PAGE = _("This page does not exist, or you may not open it. Check the address, or begin at the home page.")
MALFORMED = _("The request is malformed.")


def error_response(status: int, detail: Sentence) -> HttpResponse:
    """Return an error response, for code that answers before a view is reached."""
    return HttpResponse(dumps({"detail": detail}), status=status, content_type=MEDIA_TYPE)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: turn any exception into an error response."""
    set_rollback()
    if isinstance(error, Refusal):
        body: dict[str, Any] = {"detail": error.detail, **error.extra}
        if error.errors:
            body["errors"] = error.errors
        return _response(body, error.status, retry_after=getattr(error, "retry_after", None))
    if isinstance(error, AuditLogUnavailable):
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
        return _response({"detail": _("You don't have permission to do this.")}, 403)
    if isinstance(error, RequestDataTooBig):
        return _response({"detail": _("The request body is too large.")}, 413)
    # RecursionError: deeply nested JSON; UnreadablePostError: the body ended early
    if isinstance(error, SuspiciousOperation | RecursionError | UnreadablePostError):
        return _response({"detail": MALFORMED}, 400)
    if is_unavailable(error):
        log_unavailable(error)
        return _response({"detail": SENTENCE}, 503)
    logger.error("unexpected error", view=type(context.get("view")).__name__, exc_info=error)
    return _response({"detail": UNEXPECTED}, 500)


def _response(body: dict[str, Any], status: int, *, retry_after: float | None = None) -> Response:
    response = Response(body, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(math.ceil(retry_after))
    return response


def _sentence(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.Throttled):
        seconds = getattr(error, "wait", 60)
        return ngettext(
            "Too many requests. Please try again in %(seconds)d second.",
            "Too many requests. Please try again in %(seconds)d seconds.",
            seconds,
        ) % {"seconds": seconds}
    detail: Any = error.detail
    return str(detail) if not isinstance(detail, list | dict) else str(next(iter(detail)))


def _messages_by_field(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Flatten DRF's nested details; a key such as `attachments.2` names an item of a list."""
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for field, inner in detail.items():
            names = [prefix] if field == api_settings.NON_FIELD_ERRORS_KEY else [prefix, str(field)]
            flat.update(_messages_by_field(inner, ".".join(filter(None, names))))
        return flat
    messages = [str(message) for message in (detail if isinstance(detail, list) else [detail])]
    return {prefix or "request": messages}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, for requests rejected before a view is reached, such as one with a wrong Host header."""
    if is_api(request):
        return error_response(400, MALFORMED)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404, and with DEBUG what is shown in place of its technical page (core/apps.py)."""
    if is_api(request):
        return error_response(404, NOT_FOUND)
    return _error(request, 404, _("Page not found"), NO_PAGE)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, for errors outside the API's views."""
    error = sys.exc_info()[1]
    if is_unavailable(error):
        log_unavailable(error)
        return _error(request, 503, _("Not available right now"), SENTENCE)
    logger.error("unexpected error outside the API's views", exc_info=True)
    return _error(request, 500, _("Something went wrong"), UNEXPECTED)


def log_unavailable(error: BaseException | None) -> None:
    """Log it without the places that it passed: every request says the same until the database is back."""
    logger.error("database unavailable", error=type(getattr(error, "__cause__", None) or error).__name__)


def _error(request: HttpRequest, status: int, title: Sentence, sentence: Sentence) -> HttpResponse:
    if is_api(request):
        return error_response(status, sentence)
    return render(request, "error.html", {"title": title, "sentence": sentence}, status=status)
