"""/metrics, for a Prometheus: whoever has METRICS_TOKEN, and without such a setting a program on this machine alone."""

import hmac
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from core.api.exceptions import not_found
from core.client import client_address, parse_address
from core.metrics.requests import collectors
from core.middleware.proxies import PASSED_ON
from core.monitoring.gauges import Gauges


@csrf_exempt  # whose refusal would tell that there is something
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Answer 404 to everybody else, by whatever method, as if there were nothing."""
    return _answer(request) if _may_read(request) else not_found(request, None)


@require_safe
def _answer(request: HttpRequest) -> HttpResponseBase:
    registry = CollectorRegistry(auto_describe=False)
    for collector in (*collectors(), Gauges()):
        registry.register(collector)
    answer = HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    answer["Cache-Control"] = "no-store"
    return answer


def _may_read(request: HttpRequest) -> bool:
    """Without a token: a caller on this machine, and no proxy between, whatever it is called. One that is not among
    TRUSTED_PROXIES would be the caller itself."""
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), _token())
    address = parse_address(client_address(request) or "")
    return address is not None and address.is_loopback and not _is_passed_on(request.META)


def _token() -> bytes:
    return str(settings.METRICS_TOKEN).encode()


def _is_passed_on(meta: dict[str, Any]) -> bool:
    return bool(meta.get(PASSED_ON)) or "HTTP_VIA" in meta
