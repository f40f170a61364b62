"""The outermost layer: a request id, one log line a request, and no internals shown when something breaks."""

import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from uuid_utils import uuid4

from audit.context import Origin, coming_from
from core.client import client_address

logger = logging.getLogger("praxis.request")
request_id: ContextVar[str] = ContextVar("request_id", default="-")
_WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}")


def _drop_body(response: HttpResponseBase) -> None:
    """The answer to HEAD says how long the body would be; the server complains about one that sends it."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = []
    elif isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""


class RequestLog:
    """`X-Request-ID` on every answer (the caller's own where it is well-formed) and one line that names the route,
    never the path as typed, a query, a body or a person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        offered = request.headers.get("X-Request-ID", "")
        token = request_id.set(offered if _WELL_FORMED.fullmatch(offered) else uuid4().hex)
        origin = Origin(request_id.get(), client_address(request) or "", request.headers.get("User-Agent", ""))
        try:
            with coming_from(origin):
                response = self.get_response(request)
            response["X-Request-ID"] = request_id.get()
            if request.method == "HEAD":
                _drop_body(response)
            route = request.resolver_match.route if request.resolver_match else "-"
            milliseconds = (time.perf_counter() - started) * 1000
            logger.info(
                "%s /%s %d %.1fms id=%s", request.method, route, response.status_code, milliseconds, request_id.get()
            )
            return response
        finally:
            request_id.reset(token)
