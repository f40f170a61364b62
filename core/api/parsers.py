"""Request parsers: JSON, and forms for OAuth 2."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from core.api.renderers import MEDIA_TYPE

DUPLICATE_FIELD = _("Sent more than once.")


class OrjsonParser(BaseParser):
    """Parses a JSON object, and rejects anything else."""

    media_type = MEDIA_TYPE

    def parse(
        self, stream: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        body = stream.read()
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(_("The request body is not valid JSON.")) from error
        if not isinstance(data, dict):
            raise ParseError(_("The request body must be a JSON object."))
        json.loads(body, object_pairs_hook=_check_names_once)  # orjson takes the last of two
        return data


def _check_names_once(pairs: list[tuple[str, Any]]) -> None:
    """Raise ValidationError for a name that an object has twice."""
    counts = Counter(name for name, value in pairs)
    if len(counts) < len(pairs):
        raise ValidationError({name: [DUPLICATE_FIELD] for name, count in counts.items() if count > 1})


MAX_FIELDS = 100


class FormParser(BaseParser):
    """Parses forms as RFC 6749 3.2 demands: no parameter twice; one without a value counts as absent."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        try:
            text = stream.read().decode("utf-8")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        except ValueError as error:
            raise ParseError(_("The request body is not a valid form.")) from error
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise ParseError(_("The form contains a parameter more than once."))
        return {name: value for name, value in fields.items() if value}
