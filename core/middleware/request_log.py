"""A request id and one log line for each request."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from structlog.contextvars import bound_contextvars
from uuid_utils import uuid4

from audit.context import Origin, coming_from
from core.client import client_address
from core.database.availability import RETRY_AFTER_SECONDS
from core.metrics.requests import METHODS, count_request
from core.metrics.traces import trace_request

logger = structlog.get_logger("praxis.request")


_WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}")


_STATIC_FILES = f"{settings.STATIC_URL}<path>"


def _drop_body(response: HttpResponseBase) -> None:
    """Replace the body of a HEAD response with its Content-Length."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = []
    elif isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""


def _route(request: HttpRequest) -> str | None:
    """Return the route, never the path, which may hold what somebody typed. None if middleware has answered."""
    if request.resolver_match:
        return f"/{request.resolver_match.route}"
    return _STATIC_FILES if request.path_info.startswith(settings.STATIC_URL) else None


def _note(request: HttpRequest, origin: Origin, status: int, started: float) -> None:
    route = _route(request)
    count_request(request.method, route, status, started)
    method = request.method if request.method in METHODS else "other"  # a client may send any word
    seconds, parent = time.perf_counter() - started, request.headers.get("traceparent")
    trace_request(
        method=str(method), route=route, status=status, seconds=seconds, request_id=origin.request_id, parent=parent
    )
    if settings.DEBUG and route == _STATIC_FILES and status < 400:
        return  # most of what a page asks for, and nothing that a developer looks for
    named = {"route": route} if route or not settings.DEBUG else {}  # every JSON line has the same keys
    logger.info(
        "request",
        user_id=origin.user_id,
        practice_id=origin.practice_id,
        method=method,
        **named,
        status=status,
        duration_ms=round(seconds * 1000, 1),
    )


class RequestLog:
    """Sets `X-Request-ID` on every response (a trusted proxy's, if it is well-formed) and `Retry-After` on every 503,
    counts it, and logs one line with the route and ids, but never the path, query or body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        offered = request.headers.get("X-Request-ID", "")
        request_id = offered if _WELL_FORMED.fullmatch(offered) else uuid4().hex
        origin = Origin(request_id, client_address(request) or "", request.headers.get("User-Agent", ""))
        with bound_contextvars(request_id=request_id), coming_from(origin):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                response.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
            if request.method == "HEAD":
                _drop_body(response)
            _note(request, origin, response.status_code, started)
            return response
