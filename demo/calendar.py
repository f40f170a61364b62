"""Working days and the slots in them, in local time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from practices.models import Practice

OPENS, CLOSES = time(9), time(17)


def is_working_day(day: date) -> bool:
    return day.weekday() < 5


def slots(practice: Practice, day: date, zone: ZoneInfo | None = None) -> Iterator[tuple[datetime, datetime]]:
    """Yield start and end, in UTC, of every back-to-back appointment slot within opening hours. `zone` is the office's
    time zone if it differs from the practice's."""
    zone = zone or practice.tzinfo
    length = timedelta(minutes=practice.appointment_minutes)
    start = datetime.combine(day, OPENS, zone)  # no clock changes during working hours
    while start + length <= datetime.combine(day, CLOSES, zone):
        yield start.astimezone(UTC), (start + length).astimezone(UTC)
        start += length


def working_days_before(day: date) -> Iterator[date]:
    """Yield working days before `day`, latest first, endlessly."""
    while True:
        day -= timedelta(days=1)
        if is_working_day(day):
            yield day
