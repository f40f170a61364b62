"""The schema and the two pages that show it; nothing on them comes from outside."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView
from rest_framework.negotiation import DefaultContentNegotiation

from core.api.json import MEDIA_TYPE, dumps


@cache
def schema_json() -> bytes:
    """The OpenAPI document; the code behind it does not change while a process lives."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return dumps(schema)


class SchemaView(View):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(schema_json(), content_type=MEDIA_TYPE)


class SwaggerPage(SpectacularSwaggerView):
    content_negotiation_class = DefaultContentNegotiation


class RedocPage(SpectacularRedocView):
    content_negotiation_class = DefaultContentNegotiation
