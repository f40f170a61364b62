"""Working days and the slots in them, in the practice's local time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from practices.models import Practice

OPENS, CLOSES = time(9), time(17)


def is_working_day(day: date) -> bool:
    return day.weekday() < 5


def slots(practice: Practice, day: date) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end, in UTC, of every appointment that fits between opening and closing, one after the other."""
    length = timedelta(minutes=practice.appointment_minutes)
    start = datetime.combine(day, OPENS, practice.tzinfo)  # no clock changes during working hours
    while start + length <= datetime.combine(day, CLOSES, practice.tzinfo):
        yield start.astimezone(UTC), (start + length).astimezone(UTC)
        start += length


def working_days_before(day: date) -> Iterator[date]:
    """The latest first, without end."""
    while True:
        day -= timedelta(days=1)
        if is_working_day(day):
            yield day
