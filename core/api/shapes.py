"""Output shapes. The fields of a Shape are what the schema says; `to_representation` builds the same as a plain dict,
without DRF's per-field machinery (a test holds the two together)."""

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Any, ClassVar, TypeVar

from django.utils.dateparse import parse_date
from django.utils.timezone import get_current_timezone, is_naive
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.utils.timezone import datetime_exists  # type: ignore[import-untyped]

from core.encryption.fields import unreadable_marked
from core.encryption.keyring import DecryptionError

T = TypeVar("T")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
NO_SUCH_FIELD = "There is no such field."
MOST_NAMED = 10


class Shape(serializers.Serializer[T]):
    """A shape that is only ever written out."""

    @classmethod
    def of(cls, instance: Any) -> dict[str, Any]:
        """The plain dict that the renderer takes. A mark stands for what cannot be decrypted: one damaged row takes no
        list with it, and what was stored is not answered with an error."""
        try:
            return cls.whole(instance)
        except DecryptionError:
            with unreadable_marked():
                return cls.whole(instance)

    @classmethod
    def whole(cls, instance: Any) -> dict[str, Any]:
        """The same, with nothing left out; raises DecryptionError."""
        representation: dict[str, Any] = cls.to_representation(_blank(cls), instance)
        return representation


_blanks: dict[type[Any], Any] = {}


def _blank(shape: type[Any]) -> Any:
    if shape not in _blanks:
        _blanks[shape] = shape()
    return _blanks[shape]


class Strict(serializers.Serializer[Any]):
    """A body in which a field that there is not is refused: what a doctor typed is not dropped for a slip in its name.
    The first few of such fields are named."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, Mapping):
            unknown = (name for name in data if name not in self.fields)
            errors = {name: [NO_SUCH_FIELD] for name in islice(unknown, MOST_NAMED)}
            if errors:
                raise serializers.ValidationError(errors)
        return super().run_validation(data)


class Text(serializers.CharField):
    """A string and nothing that merely could be written as one: 5551234 is no phone number."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value: str = super().to_internal_value(data)
        return value


class OptionalText(Text):
    """Text that may be left out, empty or null; all three are stored as empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "allow_null": True, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value


class MomentField(serializers.DateTimeField):
    """DRF's field, which takes a local time that the clocks skip for one an hour later; this one refuses it."""

    def enforce_timezone(self, value: datetime) -> datetime:
        try:
            moment: datetime = super().enforce_timezone(value)
        except OverflowError:  # the first and last hours that Python knows, in some time zones
            self.fail("overflow")
        if is_naive(value) and not datetime_exists(moment):
            self.fail("make_aware", timezone=moment.tzinfo)
        return moment


class LocalMomentField(MomentField):
    """One without an offset stays as it is: whose local time it means is known later."""

    def enforce_timezone(self, value: datetime) -> datetime:
        return value if is_naive(value) else super().enforce_timezone(value)


@extend_schema_field({"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]})
class EdgeField(MomentField):
    """Where a span of time begins or ends: a moment, or the midnight before a day, or after its `last` one, in the
    current time zone."""

    default_error_messages: ClassVar = {
        "invalid": "Give a date (YYYY-MM-DD) or a moment (YYYY-MM-DDThh:mm:ss, with or without an offset)."
    }

    def __init__(self, *, last: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.days_on = timedelta(days=int(last))

    def to_internal_value(self, value: Any) -> datetime:
        try:
            day = parse_date(value) if isinstance(value, str) and _DAY.fullmatch(value) else None
            if day is not None:
                return datetime.combine(day + self.days_on, time.min, get_current_timezone())
        except ValueError:
            self.fail("invalid")
        except OverflowError:
            self.fail("overflow")
        moment: datetime = super().to_internal_value(value)
        return moment


class ErrorShape(serializers.Serializer[Any]):
    detail = serializers.CharField(help_text="One sentence.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="On a 400 from validation: field to messages.",
    )
