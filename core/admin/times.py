"""Dates and times as people type them, in every form of the site (base.py): 2:30 pm, 2.30pm, 1430, 14h30, noon."""

import re
import unicodedata
from datetime import date, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import MultiWidget
from django.utils import timezone
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTimeWidget

from core.search.birth_dates import short_date_order
from core.search.regions import region_of

INVALID = _("Enter a time such as 2:30 PM.")
NOON, MIDNIGHT = "12:00 pm", "12:00 am"
WORDS = {"noon": NOON, "12 noon": NOON, "midday": NOON, "midnight": MIDNIGHT, "12 midnight": MIDNIGHT}
SHORT_DATES = {
    "day": ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y"],
    "month": ["%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y"],
    "both": [],
}
TYPED = re.compile(
    r"(\d{1,2})(?:\s?[:.h ]\s?(\d{2})|(\d{2}))?(?:[:.](\d{2})(?:\.0+)?)?"
    r"\s*(?:([ap])\.?\s?(?:m\.?)?|(h|hrs?|hours|uhr)\.?)?"
)


def parse_time(typed: str) -> time:
    """Return the time that somebody typed. Raises ValueError. A bare hour up to 12 is refused: it may mean a.m. or
    p.m."""
    text = " ".join(unicodedata.normalize("NFKC", typed).casefold().split())
    match = TYPED.fullmatch(WORDS.get(text, text))
    if match is None:
        raise ValueError(typed)
    hour, minute, half = int(match[1]), match[2] or match[3], match[5]
    of_24_hours = hour > 12 or match[6] is not None
    if minute is None and half is None and not of_24_hours:
        raise ValueError(typed)
    if half == "p" and hour < 12:
        hour += 12
    elif half == "a" and hour >= 12:
        hour = 0 if hour == 12 else 24  # 14:30 a.m. is no time
    return time(hour, int(minute or 0), int(match[4] or 0))


class TimeWidget(UnfoldAdminTimeWidget):
    """Shows a stored time as pages do, `2:30 PM`; with seconds only where there are some."""

    def format_value(self, value: Any) -> str | None:
        if not isinstance(value, time):
            return super().format_value(value)
        seconds = ":%S" if value.second else ""
        return value.strftime(f"%I:%M{seconds} %p").lstrip("0")


class TypedTimeField(forms.TimeField):
    widget = TimeWidget
    default_error_messages = {"invalid": INVALID}

    def to_python(self, value: Any) -> time | None:
        if value in self.empty_values:
            return None
        if isinstance(value, time):
            return value
        try:
            return parse_time(str(value))
        except ValueError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class TypedDateField(forms.DateField):
    """A date with the day or the month first as in the practice's region: 5/1/2027 is May 1 in New York, 5 January in
    London. Where short dates have the year first, others are refused, which may mean either."""

    widget = UnfoldAdminDateWidget

    def to_python(self, value: Any) -> date | None:
        self.input_formats = _date_formats(region_of(timezone.get_current_timezone_name()))
        typed: date | None = super().to_python(value)
        return typed


def _date_formats(region: str) -> list[str]:
    in_words = [form for form in get_format("DATE_INPUT_FORMATS") if "/" not in form]  # and ISO 8601
    return [*in_words, "%Y/%m/%d", "%Y.%m.%d", *SHORT_DATES[short_date_order(region)]]


class DateTimeWidget(UnfoldAdminSplitDateTimeWidget):
    """A date and a time beside each other, each with a name for screen readers."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        date = UnfoldAdminDateWidget(attrs={"placeholder": _("Date"), "aria-label": _("Date")})
        typed = TimeWidget(attrs={"placeholder": _("Time"), "aria-label": _("Time")})
        MultiWidget.__init__(self, [date, typed], attrs)


class TypedDateTimeField(forms.SplitDateTimeField):
    widget = DateTimeWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        options: dict[str, Any] = {"required": self.fields[0].required, "localize": self.fields[0].localize}
        self.fields = (TypedDateField(**options), TypedTimeField(**options))
