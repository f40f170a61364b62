"""JSON responses, rendered by orjson."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer

MEDIA_TYPE = "application/json"


def dumps(value: Any) -> bytes:
    """Return JSON, with UUIDs as strings, datetimes in UTC as `2026-11-21T09:30:00Z` and lazy sentences translated."""
    return orjson.dumps(value, default=_translated, option=orjson.OPT_UTC_Z)


def _translated(value: Any) -> str:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError


class OrjsonRenderer(BaseRenderer):
    media_type = MEDIA_TYPE
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dumps(data)


class JsonOnly(BaseContentNegotiation):
    """Renders JSON whatever the client accepts, and takes only the content type of the view's parser."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        parser = next(iter(parsers))
        return parser if content_type == parser.media_type else None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return next(iter(renderers)), MEDIA_TYPE
