"""A span for each request, for a collector of OpenTelemetry where TRACES_URL names one (docs/adr/0042): OTLP over HTTP
as JSON, https://opentelemetry.io/docs/specs/otlp/. It says what a line of the log says, and no more."""

import queue
import re
import secrets
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

import orjson
import structlog
from django.conf import settings

from integrations import http

logger = structlog.get_logger("praxis.traces")

AT_ONCE, WAITING = 200, 5_000  # spans in a call, and spans that wait while the collector is away
PAUSE, PATIENCE = 5.0, 5.0  # seconds for which spans are gathered, and for which an answer is awaited
SERVER, FAILED = 2, 2  # SPAN_KIND_SERVER, STATUS_CODE_ERROR
PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")  # W3C trace context


class Exporter(threading.Thread):
    """Sends spans some at a time. One that can't be sent is lost: tracing keeps nobody waiting."""

    def __init__(self, url: str) -> None:
        super().__init__(name="traces", daemon=True)
        self.url = f"{url.rstrip('/')}/v1/traces"
        self.spans: queue.Queue[dict[str, Any]] = queue.Queue(WAITING)
        self.is_heard = True

    def add(self, span: dict[str, Any]) -> None:
        with suppress(queue.Full):
            self.spans.put_nowait(span)

    def run(self) -> None:
        while True:
            self.send(self.gathered())

    def gathered(self) -> list[dict[str, Any]]:
        """Wait for a span, and return it with those of the next seconds."""
        spans, until = [self.spans.get()], time.monotonic() + PAUSE
        while len(spans) < AT_ONCE and (left := until - time.monotonic()) > 0:
            try:
                spans.append(self.spans.get(timeout=left))
            except queue.Empty:
                break
        return spans

    def send(self, spans: list[dict[str, Any]]) -> None:
        scope = {"scope": {"name": "praxis"}, "spans": spans}
        resource = {"attributes": [_attribute("service.name", "praxis")]}
        body = orjson.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})
        try:
            status = http.post(self.url, body, headers={"Content-Type": "application/json"}, seconds=PATIENCE).status
        except (http.NotSent, http.Unanswered):
            status = 0
        if self.is_heard != (0 < status < 300):  # said once, and not with each span
            self.is_heard = not self.is_heard
            logger.warning("traces_not_taken" if not self.is_heard else "traces_taken_again", status=status)


@cache
def exporter() -> Exporter:
    """Return that of this process."""
    thread = Exporter(settings.TRACES_URL)
    thread.start()
    return thread


def trace_request(
    *, method: str, route: str | None, status: int, seconds: float, request_id: str, parent: str | None
) -> None:
    """Tell of a request that ends now. `parent` is the header `traceparent` of whoever traces already."""
    if not settings.TRACES_URL:
        return
    known = PARENT.fullmatch(parent or "")
    ended = time.time_ns()
    said: dict[str, Any] = {
        "http.request.method": method,
        "http.response.status_code": status,
        "praxis.request_id": request_id,
        **({"http.route": route} if route else {}),
    }
    exporter().add(
        {
            "traceId": known[1] if known else secrets.token_hex(16),
            "spanId": secrets.token_hex(8),
            **({"parentSpanId": known[2]} if known else {}),
            "name": f"{method} {route}" if route else method,
            "kind": SERVER,
            "startTimeUnixNano": str(ended - round(seconds * 1_000_000_000)),
            "endTimeUnixNano": str(ended),
            "attributes": [_attribute(name, value) for name, value in said.items()],
            "status": {"code": FAILED} if status >= 500 else {},
        }
    )


def _attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
