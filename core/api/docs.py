"""The schema and the two pages that show it; nothing on them comes from outside."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView
from rest_framework.negotiation import BaseContentNegotiation

from core.api.errors import error_response
from core.api.json import MEDIA_TYPE, dumps


@cache
def schema_json() -> bytes:
    """The OpenAPI document; the code behind it does not change while a process lives."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return dumps(schema)


class GetOnly:
    """These pages are views of their own kind; what they refuse is told like everywhere under /api."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in ("GET", "HEAD"):
            refusal = error_response(405, "This page can only be read.")
            refusal["Allow"] = "GET"
            return refusal
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


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


class SwaggerPage(GetOnly, SpectacularSwaggerView):
    content_negotiation_class = HtmlOnly


class RedocPage(GetOnly, SpectacularRedocView):
    content_negotiation_class = HtmlOnly
