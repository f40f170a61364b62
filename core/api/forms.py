"""Forms in, for the one address that OAuth 2 has take them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MOST_FIELDS = 100


class FormParser(BaseParser):
    """RFC 6749 3.2: no parameter twice, and one without a value is none."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        try:
            text = stream.read().decode("utf-8")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise ParseError("The request body is not a valid form.") from error
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise ParseError("The form names a parameter more than once.")
        return {name: value for name, value in fields.items() if value}
