"""Dates, times and sizes as pages, PDFs and messages show them (config/formats). Django's columns would show UTC."""

from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _


class HasTimeZone(Protocol):
    """A row with a place and so a time zone, such as an appointment."""

    @property
    def tzinfo(self) -> ZoneInfo: ...


def format_datetime(at: datetime) -> str:
    """Return the date and time in the practice's time zone."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def format_date(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return the date in this time zone, by default the practice's if the page or view has entered it."""
    return date_format(timezone.localtime(at, zone), "DATE_FORMAT")


def format_day(day: date | str) -> str:
    """Return a date that has no time, such as a date of birth. A string is one in ISO 8601, or the mark of a value that
    cannot be decrypted."""
    try:
        return date_format(date.fromisoformat(day) if isinstance(day, str) else day, "DATE_FORMAT")
    except ValueError:
        return str(day)


def format_local_datetime(row: HasTimeZone, at: datetime) -> str:
    """Return the date and time in the row's time zone, which is named if it is not the practice's."""
    text = date_format(at.astimezone(row.tzinfo), "DATETIME_FORMAT")
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
