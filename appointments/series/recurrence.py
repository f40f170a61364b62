"""The days of a series, in local time: the clock on the wall shows the same at each visit, whatever clocks do between.
Nothing here asks the database."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice, takewhile

from appointments.booking_rules import months_later
from appointments.models import SeriesUnit

MOST, MONTHS = 100, 24  # visits of one series, and how far the last may be from the first
DAYS = {SeriesUnit.DAY: 1, SeriesUnit.WEEK: 7}


def occurrences(
    first: datetime, *, every: int, unit: str, count: int | None = None, until: date | None = None
) -> list[datetime]:
    """Return the naive local times of a series: `count` of them, or those up to the day `until`. A month without the
    first one's day has its last day instead. There is one more than `MOST` if there would be more, so that the caller
    can tell; the same of what lies beyond the calendar's end."""
    days = takewhile(lambda day: until is None or day <= until, _days(first.date(), every, unit))
    return [datetime.combine(day, first.time()) for day in islice(days, min(count or MOST + 1, MOST + 1))]


def _days(first: date, every: int, unit: str) -> Iterator[date]:
    for number in range(MOST + 1):
        if unit == SeriesUnit.MONTH:
            yield months_later(first, every * number)
        else:
            yield first + timedelta(days=every * number * DAYS[SeriesUnit(unit)])


def is_too_long(found: list[datetime]) -> bool:
    return len(found) > MOST or found[-1].date() > months_later(found[0].date(), MONTHS)
