"""Dates and times as people type them, in every form of the site: 2:30 pm, 2.30pm, 1430, 14h30, noon; and dates with
the day or the month first as where the practice is."""

import re
import unicodedata
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.formats import format_time
from core.regional import region_now
from core.search.birth_dates import short_date_order

NOON, MIDNIGHT = "12:00 pm", "12:00 am"
WORDS = {"noon": NOON, "12 noon": NOON, "midday": NOON, "midnight": MIDNIGHT, "12 midnight": MIDNIGHT}
SHORT_DATES = {
    "day": ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y"],
    "month": ["%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y"],
    "both": [],
}
EARLIEST_DAY, LATEST_DAY = date(1880, 1, 1), date(2200, 1, 1)
FAR_AWAY = _("Enter a date between 1880 and 2200.")
TYPED = re.compile(
    r"(\d{1,2})(?:\s?[:.h ]\s?(\d{2})|(\d{2}))?(?::(\d{2})(?:\.0+)?)?"  # 2.12.26 is a day
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


def short_date(day: date) -> str:
    """Return the date in digits, as somebody would type it: 12/01/2026, 01/12/2026, 01.12.2026."""
    return date_format(day, "SHORT_DATE_FORMAT")


def parse_date(typed: str) -> date:
    """Return the date that somebody typed. Raises ValueError."""
    for form in date_formats():
        try:
            return datetime.strptime(typed.strip(), form).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise ValueError(typed)


def check_day(day: date) -> None:
    """Raise ValidationError for a day so far away that it is a slip, and that its bounds may not be valid dates."""
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise ValidationError(FAR_AWAY)


def date_formats() -> list[str]:
    in_words = [form for form in get_format("DATE_INPUT_FORMATS") if "/" not in form]  # and ISO 8601
    return [*in_words, "%Y/%m/%d", "%Y.%m.%d", *SHORT_DATES[short_date_order(region_now())]]


def picked_date() -> str:
    """Return the form, for strftime, in which a picker of dates writes."""
    forms_of = {"d": "%d", "m": "%m", "Y": "%Y"}
    return "".join(forms_of.get(letter, letter) for letter in str(get_format("SHORT_DATE_FORMAT")))


def picked_time() -> str:
    return "%I:%M %p" if "A" in str(get_format("TIME_FORMAT")) else "%H:%M"


class TypedTimeField(forms.TimeField):
    """A time in a plain field: a browser's own takes a time in one form alone."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> time | None:
        if value in self.empty_values:
            return None
        if isinstance(value, time):
            return value
        try:
            return parse_time(str(value))
        except ValueError as error:
            raise ValidationError(invalid_time(), code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        return as_typed(value) if isinstance(value, time) else value


def as_typed(at: time) -> str:
    """Return the time as pages show it; with seconds only where there are some."""
    return date_format(datetime.combine(date.min, at), "SECONDS_FORMAT") if at.second else format_time(at)


def invalid_time() -> str:
    return gettext("Enter a time such as %(time)s.") % {"time": format_time(time(14, 30))}


def invalid_date() -> str:
    return gettext("Enter a date such as %(day)s.") % {"day": short_date(date(timezone.localdate().year, 12, 31))}


class TypedDateField(forms.DateField):
    """A date with the day or the month first as in the practice's region: 5/1/2027 is May 1 in New York, 5 January in
    London. Where short dates have the year first, others are refused, which may mean either."""

    default_validators = [check_day]

    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values:
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return parse_date(str(value))
        except ValueError as error:
            raise ValidationError(self.refusal(), code="invalid") from error

    def refusal(self) -> str:
        return invalid_date()


class PickedDateField(TypedDateField):
    """With the browser's own picker, which sends ISO 8601; where there is none, and for who fills in the address, what
    people type is understood."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
        super().__init__(**kwargs)


class LocalDateTimeField(forms.DateTimeField):
    """A local date and time, from the browser's own picker or typed: `12/1/2026 2:30 pm`."""

    widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("input_formats", ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])  # others by the region's order
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment: datetime | None = super().to_python(value)
            return moment
        except ValidationError:
            day, _blank, at = " ".join(str(value).replace(",", " ").split()).partition(" ")
            try:
                return forms.utils.from_current_timezone(datetime.combine(parse_date(day), parse_time(at)))
            except ValueError as error:
                raise ValidationError(self.error_messages["invalid"], code="invalid") from error
