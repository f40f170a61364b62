"""The outermost layer: a request id, one log line a request, and no internals shown when something breaks."""

import re
import time
from collections.abc import Callable
from http import HTTPMethod

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from structlog.contextvars import bound_contextvars
from uuid_utils import uuid4

from audit.context import Origin, coming_from
from core.client import believe_proxies, client_address

logger = structlog.get_logger("praxis.request")
_WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}")
_METHODS = frozenset(HTTPMethod)


def _drop_body(response: HttpResponseBase) -> None:
    """The answer to HEAD says how long the body would be; the server complains about one that sends it."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = []
    elif isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""


def _write_line(request: HttpRequest, origin: Origin, status: int, started: float) -> None:
    logger.info(
        "request",
        user_id=origin.user_id,
        practice_id=origin.practice_id,
        method=request.method if request.method in _METHODS else "other",  # a method may be any word
        route=f"/{request.resolver_match.route}" if request.resolver_match else None,
        status=status,
        duration_ms=round((time.perf_counter() - started) * 1000, 1),
    )


class TrustedProxies:
    """Outside of everything: what comes after it need not ask whom a forwarded header came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        believe_proxies(request.META)
        return self.get_response(request)


class RequestLog:
    """`X-Request-ID` on every answer (the trusted proxy's where it is well-formed: a caller's own could be another
    request's) and one line that names the route and ids, never the path as typed, a query, a body or a name."""

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
            if request.method == "HEAD":
                _drop_body(response)
            _write_line(request, origin, response.status_code, started)
            return response
