"""What DRF's fields say of a value that they cannot take, in words for the person who sent it. DRF's own sentences,
with the translations that come with it, stay where they are plain ("This field is required.")."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import fields, serializers
from rest_framework.utils.formatting import lazy_format

from core.errors import Sentence
from core.typed import FAR_AWAY

OBJECT, LIST, NUMBER = _("Send an object here."), _("Send a list here."), _("Enter a whole number.")
A_NUMBER = _("Enter a number, such as 4.5.")
AT_MOST, AT_LEAST = _("Enter {max_value} or less."), _("Enter {min_value} or more.")
SENTENCES: dict[Any, dict[str, Sentence]] = {
    serializers.BooleanField: {"invalid": _("This must be true or false.")},
    serializers.CharField: {
        "invalid": _("This must be text."),
        "max_length": _("Enter no more than {max_length} characters."),
        "min_length": _("Enter at least {min_length} characters."),
    },
    serializers.DateField: {
        "invalid": _("Enter a date, such as 2027-06-15."),
        "datetime": _("Enter a date without a time, such as 2027-06-15."),
    },
    serializers.DateTimeField: {
        "invalid": _("Enter a date and a time, such as 2027-06-15T10:00."),
        "make_aware": _("This time doesn't exist that day: clocks go forward ({timezone})."),
        "overflow": FAR_AWAY,
    },
    serializers.DecimalField: {
        "invalid": A_NUMBER,
        "max_value": AT_MOST,
        "min_value": AT_LEAST,
        "max_digits": _("Enter no more than {max_digits} digits."),
        "max_decimal_places": _("Enter no more than {max_decimal_places} decimal places."),
        "max_whole_digits": _("Enter no more than {max_whole_digits} digits before the decimal point."),
        "max_string_length": A_NUMBER,
    },
    serializers.DictField: {"not_a_dict": OBJECT},
    serializers.FileField: {"invalid": _("Send a file here.")},
    serializers.IntegerField: {
        "invalid": NUMBER,
        "max_value": AT_MOST,
        "min_value": AT_LEAST,
        "max_string_length": NUMBER,
    },
    serializers.ListField: {
        "not_a_list": LIST,
        "max_length": _("Send no more than {max_length} of these."),
        "min_length": _("Send at least {min_length} of these."),
    },
    serializers.ListSerializer: {"not_a_list": LIST},
    serializers.Serializer: {"invalid": OBJECT},
    serializers.TimeField: {"invalid": _("Enter a time, such as 14:30.")},
    serializers.UUIDField: {"invalid": _("This must be an ID (a UUID).")},
}


class FormattedEachTime(lazy_format):
    """DRF's own keeps the first text that it makes, in whatever language that is, and a serializer outlives a
    request."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(self.format_string).format(*self.args, **self.kwargs)


def use() -> None:
    """Let the fields say so: DRF reads this attribute whenever a serializer makes its fields."""
    for field, sentences in SENTENCES.items():
        field.default_error_messages = {**field.default_error_messages, **sentences}
    fields.lazy_format = FormattedEachTime  # type: ignore[attr-defined] # the stubs leave it out
