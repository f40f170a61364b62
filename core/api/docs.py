"""The OpenAPI schema and the two pages that show it. The pages load nothing from other sites."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.negotiation import BaseContentNegotiation

from core.api.exceptions import error_response
from core.api.renderers import MEDIA_TYPE, dumps

_OWN_FILES = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
SWAGGER_POLICY = f"{_OWN_FILES}; style-src 'self'; img-src 'self' data:"
# its bundle adds inline styles and searches in a worker made from a blob
REDOC_POLICY = f"{_OWN_FILES}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:"


@cache
def schema_json() -> bytes:
    """Return the OpenAPI document. Cached: it does not change while a process runs."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return dumps(schema)


class ReadOnlyPage:
    """Allows only GET and HEAD, with the API's error format, and sets the page's content security policy."""

    policy: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in ("GET", "HEAD"):
            response = error_response(405, _("This page is read-only."))
            response["Allow"] = "GET"
            return response
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if self.policy:
            response["Content-Security-Policy"] = self.policy
        return response


class HtmlOnly(BaseContentNegotiation):
    """Renders HTML whatever the client accepts."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


@method_decorator(csrf_exempt, name="dispatch")
class SchemaView(ReadOnlyPage, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(schema_json(), content_type=MEDIA_TYPE)


class SwaggerPage(ReadOnlyPage, SpectacularSwaggerSplitView):
    """Loads its script from a separate URL, `?script=`, as a strict content security policy requires."""

    content_negotiation_class = HtmlOnly
    policy = SWAGGER_POLICY


class RedocPage(ReadOnlyPage, SpectacularRedocView):
    content_negotiation_class = HtmlOnly
    policy = REDOC_POLICY
