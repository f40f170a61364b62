"""Quiet hours, on the days on which the clocks change, too."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications.messages.quiet import before_quiet, end_of_quiet, is_quiet

DAYS = [  # on which the clocks change
    ("America/New_York", date(2027, 3, 14)),
    ("America/New_York", date(2027, 11, 7)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Africa/Cairo", date(2026, 4, 24)),  # at midnight
    ("Africa/Cairo", date(2026, 10, 29)),
    ("America/Santiago", date(2026, 9, 6)),
]
HOURS = [
    (time(20), time(8)),
    (time(0), time(1, 30)),
    (time(1, 15), time(1, 45)),
    (time(2), time(3)),
    (time(22), time(2, 30)),
    (time(2, 30), time(7)),
    (time(3), time(8)),
    (time(0, 30), time(23, 45)),
    (time(1), time(6)),
]


@pytest.mark.embedded  # it asks no database
@pytest.mark.parametrize(("zone", "day"), DAYS)
def test_what_is_put_off_is_never_earlier_and_never_in_the_quiet_hours(zone, day, subtests):
    for start, end in HOURS:
        hours = {"zone": ZoneInfo(zone), "start": start, "end": end}
        with subtests.test(start=start, end=end):
            for minutes in range(-300, 1500, 5):
                moment = datetime.combine(day, time(), hours["zone"]).astimezone(UTC) + timedelta(minutes=minutes)
                after, before = end_of_quiet(moment, **hours), before_quiet(moment, **hours)
                assert before <= moment <= after
                assert not is_quiet(after, **hours) and not is_quiet(before, **hours)


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("zone", "start", "moment", "last"),
    [
        (
            "Europe/Berlin",
            time(2, 30),
            datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
            datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
        ),
        ("Europe/Berlin", time(3), datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
        (
            "Europe/Berlin",
            time(2, 30),
            datetime(2026, 10, 25, 2, tzinfo=UTC),
            datetime(2026, 10, 25, 1, 29, tzinfo=UTC),
        ),
        ("Africa/Cairo", time(0, 30), datetime(2026, 4, 23, 22, tzinfo=UTC), datetime(2026, 4, 23, 21, 59, tzinfo=UTC)),
        ("America/Santiago", time(0, 30), datetime(2026, 9, 6, 5, tzinfo=UTC), datetime(2026, 9, 6, 3, 59, tzinfo=UTC)),
    ],
)
def test_last_minute_before_the_quiet_hours_where_the_clocks_change(zone, start, moment, last):
    assert before_quiet(moment, zone=ZoneInfo(zone), start=start, end=time(8)) == last
