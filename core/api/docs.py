"""The schema and the two pages that show it; nothing on them comes from outside."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.negotiation import BaseContentNegotiation

from core.api.errors import error_response
from core.api.json import MEDIA_TYPE, dumps
from core.headers import CSP

_OWN_FILES = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
SWAGGER_POLICY = f"{_OWN_FILES}; style-src 'self'; img-src 'self' data:"
# its bundle writes its own styles into the page, and searches in a worker that it makes from a text
REDOC_POLICY = f"{_OWN_FILES}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:"


@cache
def schema_json() -> bytes:
    """The OpenAPI document; the code behind it does not change while a process lives."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return dumps(schema)


class GetOnly:
    """These pages are views of their own kind; what they refuse is told like everywhere under /api."""

    policy: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in ("GET", "HEAD"):
            refusal = error_response(405, "This page can only be read.")
            refusal["Allow"] = "GET"
            return refusal
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if self.policy:
            response[CSP] = self.policy
        return response


class HtmlOnly(BaseContentNegotiation):
    """A page is HTML whatever a client says it accepts."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


@method_decorator(csrf_exempt, name="dispatch")
class SchemaView(GetOnly, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(schema_json(), content_type=MEDIA_TYPE)


class SwaggerPage(GetOnly, SpectacularSwaggerSplitView):
    """With its script at an address of its own, `?script=`, which a strict content policy asks for."""

    content_negotiation_class = HtmlOnly
    policy = SWAGGER_POLICY


class RedocPage(GetOnly, SpectacularRedocView):
    content_negotiation_class = HtmlOnly
    policy = REDOC_POLICY
