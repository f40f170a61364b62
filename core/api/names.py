"""Which names a call may send, in its query and its body. One that the operation does not know is refused by name: what
was sent is never dropped without a word (docs/adr/0030)."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import orjson
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from core.api.parsers import DUPLICATE_FIELD
from core.api.renderers import dumps
from core.api.schema import Takes
from core.api.serializers import unknown_names

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
NOT_CHANGEABLE = _("This can't be changed here.")
NO_CONDITION = _("This condition is not supported here.")
CONDITIONS = ("If-Match", "If-None-Match", "If-Unmodified-Since")  # that would keep a change from being made (RFC 9110)
NOTHING_SENT = _("Send at least one field to change.")
COMPRESSED = _("Send the body without a Content-Encoding.")
EMPTY = _("Enter a value here, or leave this out.")


def check_query(request: Request, takes: Takes) -> None:
    """Raise ValidationError for a name in the query that the operation does not know, or that is there twice."""
    errors = unknown_names(request.query_params, takes.query)
    twice = {name for name, values in request.query_params.lists() if len(values) > 1}
    if errors or twice:
        raise serializers.ValidationError({**{name: [DUPLICATE_FIELD] for name in twice}, **errors})


def check_nothing_empty(query: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    """Raise ValidationError for a filter without a value: DRF would take it for one that was not sent, and the list
    would have everything. Without a value, what asks for a page asks for the first, of the usual length."""
    filters = [name for name, value in query.items() if not value and name not in ("page", "limit", "cursor")]
    empty = [name for name in filters if not getattr(fields[name], "allow_blank", False)]
    if empty:
        raise serializers.ValidationError({name: [EMPTY] for name in empty})


def check_headers(request: Request, takes: Takes) -> None:
    """Raise ValidationError for a condition that this change would ignore, and UnsupportedMediaType for a compressed
    body, which would be read as it is."""
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(request.content_type, detail=COMPRESSED)
    for name in CONDITIONS:
        if name in request.headers and name not in takes.headers:
            raise serializers.ValidationError({name: [NO_CONDITION]})


def check_body_names(request: Request, known: Container[str] = ()) -> None:
    """Raise ValidationError for a name in the body that is not known. Without any names the body may be of any kind:
    some clients send an empty form with each POST."""
    is_form = request.content_type.split(";")[0] in FORMS
    names = [*request._request.POST, *request._request.FILES] if is_form else list(request.data)
    errors = unknown_names(names, known)
    if errors:
        raise serializers.ValidationError(errors)


def check_something_sent(sent: Iterable[str], fields: Iterable[str], *, besides: Container[str] = ()) -> None:
    """Raise ValidationError, at the first of the fields that can be changed, for a body without any of them; the names
    `besides` say something about the change."""
    if all(name in besides for name in sent):
        first = next(name for name in fields if name not in besides)
        raise serializers.ValidationError({first: [NOTHING_SENT]})


def only_changes(sent: Any, fields: Mapping[str, Any], shown: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `sent` asks to change. Clients send back whole objects: a name that is `shown` but is not one of the
    `fields` that can be changed is accepted with the value that it has, and so is the null that stands for what is
    withheld from the caller, or not there. The same holds for parts with an id, such as the goals of a plan. Raises
    ValidationError."""
    if not any(_is_doubtful(name, value, fields) for name, value in sent.items()):
        return dict(sent)
    current = orjson.loads(dumps(shown()))
    wanted = _without_returned(sent, fields, current)
    errors = unknown_names(wanted, fields)
    if errors:
        raise serializers.ValidationError(
            {name: [NOT_CHANGEABLE] if name in current else messages for name, messages in errors.items()}
        )
    return wanted


def _is_doubtful(name: str, value: Any, fields: Mapping[str, Any]) -> bool:
    return name not in fields or value is None or (isinstance(value, list) and _is_of_parts(fields[name]))


def _is_of_parts(field: Any) -> bool:
    return isinstance(getattr(field, "child", None), serializers.Serializer)


def _without_returned(sent: Any, fields: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {}
    for name, value in sent.items():
        if not _is_doubtful(name, value, fields):
            wanted[name] = value
        elif isinstance(value, list) and name in fields:
            parts = {part.get("id"): part for part in current.get(name) or ()}  # null: not readable now
            wanted[name] = [_part_without_returned(part, fields[name].child.fields, parts) for part in value]
        elif not (name in {*fields, *current} and _same(value, current.get(name))):
            wanted[name] = value
    return wanted


def _part_without_returned(part: Any, fields: Mapping[str, Any], parts: Mapping[Any, Any]) -> Any:
    """Return a part as it is sent, unless it is one of those that are there."""
    known = parts.get(part.get("id")) if isinstance(part, Mapping) and isinstance(part.get("id"), str) else None
    return part if known is None else _without_returned(part, fields, known)


def _same(sent: Any, shown: Any) -> bool:
    """Return whether a client sent back what it was shown, perhaps with a moment written in another way."""
    if sent == shown or not (isinstance(sent, str) and isinstance(shown, str)):
        return bool(sent == shown)
    try:
        moment = parse_datetime(shown)
        return moment is not None and parse_datetime(sent) == moment
    except ValueError:
        return False
