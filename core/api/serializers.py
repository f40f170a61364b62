"""The base of serializers.

The declared fields of an OutputSerializer are the schema of a response, and `to_dict(row)` builds a plain dict from
them with a function that is compiled once, when the class is created (docs/adr/0025). A field's value is what the
class's static method `get_<source>(row)` returns, if there is one, otherwise the row's attribute (`patient.name`; `*`
is the row itself); `source` defaults to the field's name. A nested OutputSerializer is built the same way, with `many`
as a list. An optional field (`required=False`, not nullable) is left out where it would be None.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models.manager import BaseManager
from django.utils.dateparse import parse_date
from django.utils.timezone import get_current_timezone, is_naive
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.utils.html import is_html_input
from rest_framework.utils.timezone import datetime_exists  # type: ignore[import-untyped]

from core.encryption.fields import unreadable_marked
from core.encryption.keyring import DecryptionError
from core.texts import EMAIL, READABLE
from core.typed import check_day

T = TypeVar("T")
Getter = Callable[[Any], Any]
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WEEK = re.compile(r"\d{4}-?W\d\d")
_DAY_AND_TIME = re.compile(r"\s*\d{4}((-\d\d?-\d\d?|\d{4}|-?W\d\d-?\d)(?P<time>[Tt\s]\s*\d)?|-?W\d\d)")
UNKNOWN_FIELD = _("Unknown field.")
MAX_NAMED_FIELDS = 10
MAX_NAMED_CHOICES = 12


class OutputSerializer(serializers.Serializer[T]):
    # The base of responses. No docstring: the schema would show it for each subclass without one of its own.

    _build: ClassVar[Callable[[Any], dict[str, Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._build = staticmethod(_builder(cls))

    @classmethod
    def to_dict(cls, instance: Any) -> dict[str, Any]:
        """Return the dict to render. A mark stands for what cannot be decrypted: a damaged row neither breaks a list
        nor turns a saved change into an error."""
        try:
            return cls.to_dict_or_raise(instance)
        except DecryptionError:
            with unreadable_marked():
                return cls.to_dict_or_raise(instance)

    @classmethod
    def to_dict_or_raise(cls, instance: Any) -> dict[str, Any]:
        """Return the dict to render; raise DecryptionError if a value cannot be decrypted."""
        return cls._build(instance)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return self.to_dict(instance)


def _builder(shape: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that builds a row's dict. It is compiled from source, as the standard library compiles the
    methods of a dataclass: `lambda row: {"id": row.id, "patientName": row.patient.name, "state": get_state(row)}`.
    Looping over getters took twice as long (docs/adr/0025)."""
    fields: dict[str, Any] = shape._declared_fields
    getters: dict[str, Getter] = {}
    values = []
    for name, field in fields.items():
        source = field.source or name
        if getter := _getter(shape, field, source):
            getters[f"get_{name}"] = getter
        values.append(f"{name!r}: get_{name}(row)" if getter else f"{name!r}: row.{source}")
    build: Callable[[Any], dict[str, Any]] = eval(f"lambda row: {{{', '.join(values)}}}", getters)  # noqa: S307 - the source comes from class bodies only
    optional = [name for name, field in fields.items() if not field.required and not field.allow_null]
    return _without_none(build, optional) if optional else build


def _getter(shape: type[Any], field: Any, source: str) -> Getter | None:
    """Return the function that computes a field's value; None if it is a plain attribute of the row."""
    if own := getattr(shape, f"get_{source}", None):
        return own
    value: Getter = _itself if source == "*" else attrgetter(source)
    if isinstance(field, serializers.ListSerializer):
        item: Any = field.child
        return lambda row: [item.to_dict_or_raise(one) for one in _iterable(value(row))]
    if isinstance(field, OutputSerializer):
        return lambda row: field.to_dict_or_raise(value(row))
    return value if source == "*" else None


def _itself(row: Any) -> Any:
    return row


def _iterable(rows: Any) -> Any:
    return rows.all() if isinstance(rows, BaseManager) else rows


def _without_none(build: Callable[[Any], dict[str, Any]], optional: list[str]) -> Callable[[Any], dict[str, Any]]:
    def build_without_none(row: Any) -> dict[str, Any]:
        built = build(row)
        for name in optional:
            if built[name] is None:
                del built[name]
        return built

    return build_without_none


def unknown_names(sent: Iterable[str], known: Container[str]) -> dict[str, list[str]]:
    """Return a message for each name that is not known, up to a bound."""
    unknown = (name for name in sent if name not in known)
    return {name: [str(UNKNOWN_FIELD)] for name in islice(unknown, MAX_NAMED_FIELDS)}


class StrictSerializer(serializers.Serializer[Any]):
    # The base of everything that comes in: unknown fields are refused, so that nothing that somebody typed is lost to
    # a misspelt name (core/api/names.py). No docstring: the schema would show it for each body.

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, Mapping):
            errors = unknown_names(data, self.fields)
            if errors:
                raise serializers.ValidationError(errors)
        return super().run_validation(data)


class StrictCharField(serializers.CharField):
    """Takes only strings, and not numbers or booleans that DRF would convert. Text that is stored and shown must be
    readable; a name, a phone or a text on one line says so with the `validators` of core/texts.py."""

    default_validators = READABLE

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value: str = super().to_internal_value(data)
        return value


class OptionalCharField(StrictCharField):
    """Text that may be missing, empty or null; all three become an empty string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "allow_null": True, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value


class EmailField(serializers.EmailField):
    default_validators = EMAIL


class OptionalEmailField(OptionalCharField, EmailField):
    """An email that may be missing."""

    default_validators: Any = [*READABLE, *EMAIL]


class ChoiceField(serializers.ChoiceField):
    """Says what there is to choose from."""

    default_error_messages: ClassVar = {
        "invalid_choice": _("Choose one of these: {choices}."),
        "too_many_to_name": _("This is none of the values that the API's documentation lists."),
    }

    def to_internal_value(self, data: Any) -> Any:
        known = self.choice_strings_to_values
        if str(data) not in known and not (data == "" and self.allow_blank):
            self.fail(
                "invalid_choice" if len(known) <= MAX_NAMED_CHOICES else "too_many_to_name", choices=", ".join(known)
            )
        return super().to_internal_value(data)


class DayField(serializers.DateField):
    """Rejects a week without a day, which DRF's own field takes as its Monday, and a day of another age; `validators`
    that are given take the place of that bound."""

    default_validators = [check_day]

    def to_internal_value(self, value: Any) -> date:
        if isinstance(value, str) and _WEEK.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        day: date = super().to_internal_value(value)
        return day


class OptionalDateField(DayField):
    """A date that may be missing, empty or null; all three become None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_null": True, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(None if data == "" else data)


class StrictBooleanField(serializers.BooleanField):
    """Takes only true and false, and not the texts and numbers that DRF would convert."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class UUIDField(serializers.UUIDField):
    """An id as its text, and not as the number that DRF would convert. An empty one in a query is refused, since a
    filter by nobody would show everybody; in a form it is none."""

    def get_value(self, dictionary: Any) -> Any:
        value = dictionary.get(self.field_name, serializers.empty)
        return None if value == "" and self.allow_null and is_html_input(dictionary) else value

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str | UUID):
            self.fail("invalid", value=data)
        value: UUID = super().to_internal_value(data)
        return value


class CredentialField(StrictCharField):
    """A password, token or code, or the email of a sign-in: taken as it is, since it is only compared."""

    default_validators = []


class DateTimeField(serializers.DateTimeField):
    """Rejects a day without a time, which DRF's own field takes as midnight (2027-06-15+02:00, a day with a time zone,
    as two o'clock), and a local time that the clocks skip, which it would shift by an hour."""

    default_error_messages: ClassVar = {
        "day_alone": _("Enter a date and a time, such as 2027-06-15T10:00; a day alone is not enough.")
    }

    def to_internal_value(self, value: Any) -> datetime:
        written = _DAY_AND_TIME.match(value) if isinstance(value, str) else None
        if written and not written["time"]:
            self.fail("day_alone")
        moment: datetime = super().to_internal_value(value)
        return moment

    def enforce_timezone(self, value: datetime) -> datetime:
        try:
            moment: datetime = super().enforce_timezone(value)
        except OverflowError:  # near the first or last datetime of Python, in some time zones
            self.fail("overflow")
        if is_naive(value) and not datetime_exists(moment):
            self.fail("make_aware", timezone=moment.tzinfo)
        return moment


class LocalDateTimeField(DateTimeField):
    """Keeps a time without an offset as it is: its time zone is determined later."""

    def enforce_timezone(self, value: datetime) -> datetime:
        return value if is_naive(value) else super().enforce_timezone(value)


@extend_schema_field({"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]})
class RangeBoundaryField(DateTimeField):
    """The start or end of a range: a datetime, or a date, which means the midnight before it (after it, with `last`) in
    the current time zone."""

    default_error_messages: ClassVar = dict.fromkeys(
        ("invalid", "day_alone"),
        _("Enter a date (YYYY-MM-DD) or a date and time (YYYY-MM-DDThh:mm:ss, with or without an offset)."),
    )

    def __init__(self, *, last: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.days_on = timedelta(days=int(last))

    def to_internal_value(self, value: Any) -> datetime:
        try:
            day = parse_date(value) if isinstance(value, str) and _DAY.fullmatch(value) else None
            if day is not None:
                midnight = datetime.combine(day + self.days_on, time.min, get_current_timezone())
                midnight.astimezone(UTC)  # before the first day of all there is none
                return midnight
        except ValueError:
            self.fail("invalid")
        except OverflowError:
            self.fail("overflow")
        moment: datetime = super().to_internal_value(value)
        return moment


def range_fields() -> dict[str, RangeBoundaryField]:
    """Return the fields of a range in a query: `from` is a keyword, so they cannot be attributes of a serializer."""
    return {
        "from": RangeBoundaryField(
            source="start",
            required=False,
            help_text="A date and time (inclusive), or a day in the practice's time zone.",
        ),
        "to": RangeBoundaryField(
            source="end", last=True, required=False, help_text="A date and time (exclusive), or a day (inclusive)."
        ),
    }


class WithRange(StrictSerializer):
    # A query with a `from` and a `to`. One that ends before it begins is a slip, and no list of nothing.

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "start" in attrs and "end" in attrs and attrs["start"] >= attrs["end"]:
            raise serializers.ValidationError({"to": [_("Enter a time later than `from`.")]})
        checked: dict[str, Any] = super().validate(attrs)
        return checked


class ErrorShape(serializers.Serializer[Any]):
    detail = serializers.CharField(help_text="One sentence.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="On a 400 from validation: field to messages.",
    )
