"""Dates, times and sizes as pages, PDFs and messages show them: the forms are those of config/formats, by the language
and the region (core/regional.py), and nothing else writes a date for people (tests/guards/test_dates.py)."""

from datetime import date, datetime, time, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _


class HasTimeZone(Protocol):
    """A row with a place and so a time zone, such as an appointment."""

    @property
    def tzinfo(self) -> ZoneInfo: ...


def format_datetime(at: datetime) -> str:
    """Return the date and time in the practice's time zone."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def format_moment(at: datetime, zone: tzinfo, form: str = "DATETIME_FORMAT") -> str:
    """Return the date and time in this time zone, in a form of config/formats."""
    return date_format(at.astimezone(zone), form)


def format_date(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return the date in this time zone, by default the practice's if the page or view has entered it."""
    with timezone.override(zone or timezone.get_current_timezone()):
        return date_format(timezone.localtime(at), "DATE_FORMAT")


def format_day(day: date | str, form: str = "DATE_FORMAT") -> str:
    """Return a date that has no time, such as a date of birth. A string is one in ISO 8601, or the mark of a value that
    cannot be decrypted."""
    try:
        return date_format(date.fromisoformat(day) if isinstance(day, str) else day, form)
    except ValueError:
        return str(day)


def format_time(at: time, form: str = "TIME_FORMAT") -> str:
    return time_format(at, form)


def format_local_datetime(row: HasTimeZone, at: datetime) -> str:
    """Return the date and time in the row's time zone, which is named if it is not the practice's."""
    text = format_moment(at, row.tzinfo)
    return text if row.tzinfo == timezone.get_current_timezone() else f"{text} ({zone_label(row.tzinfo)})"


def zone_label(zone: ZoneInfo) -> str:
    """Return the time zone as people name it: `Chicago time` for America/Chicago."""
    return zone.key if "/" not in zone.key else _("%(city)s time") % {"city": city_of(zone.key)}


def city_of(key: str) -> str:
    """Return the city of a time zone's IANA name: `New York` for America/New_York."""
    return key.rpartition("/")[2].replace("_", " ")


def format_size(size: int) -> str:
    """Return a size such as 2.5 MB; 10 MB instead of Django's 10.0 MB."""
    return filesizeformat(size).replace(".0\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
