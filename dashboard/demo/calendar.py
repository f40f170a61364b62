"""Working days and the slots in them, in local time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from practices.models import Practice

OPENS, CLOSES = time(9), time(17)


def is_working_day(day: date) -> bool:
    return day.weekday() < 5


def slots(practice: Practice, day: date, zone: ZoneInfo | None = None) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end, in UTC, of every appointment that fits between opening and closing, one after the other;
    `zone` is an office's where that is another than the practice's."""
    zone = zone or practice.tzinfo
    length = timedelta(minutes=practice.appointment_minutes)
    start = datetime.combine(day, OPENS, zone)  # no clock changes during working hours
    while start + length <= datetime.combine(day, CLOSES, zone):
        yield start.astimezone(UTC), (start + length).astimezone(UTC)
        start += length


def working_days_before(day: date) -> Iterator[date]:
    """The latest first, without end."""
    while True:
        day -= timedelta(days=1)
        if is_working_day(day):
            yield day
