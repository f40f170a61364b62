"""JSON in and out, through orjson."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MEDIA_TYPE = "application/json"


def dumps(value: Any) -> bytes:
    """UUIDs as strings; datetimes in UTC as `2026-11-21T09:30:00Z`."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


class OrjsonRenderer(BaseRenderer):
    media_type = MEDIA_TYPE
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dumps(data)


class OrjsonParser(BaseParser):
    """One JSON object; anything else is refused in a sentence."""

    media_type = MEDIA_TYPE

    def parse(
        self, stream: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            data = orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError("The request body is not valid JSON.") from error
        if not isinstance(data, dict):
            raise ParseError("The request body must be a JSON object.")
        return data


class JsonOnly(BaseContentNegotiation):
    """The API speaks JSON whatever a client says it accepts; a view takes what its one parser reads."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        parser = next(iter(parsers))
        return parser if content_type == parser.media_type else None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return next(iter(renderers)), MEDIA_TYPE
