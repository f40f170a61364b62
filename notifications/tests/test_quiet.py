"""Quiet hours, on the days on which the clocks change, too."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications.messages.quiet import before_quiet, end_of_quiet, is_quiet

NEW_YORK = ZoneInfo("America/New_York")
HOURS = [
    (time(20), time(8)),
    (time(0), time(1, 30)),
    (time(1, 15), time(1, 45)),
    (time(2), time(3)),
    (time(22), time(2, 30)),
]


@pytest.mark.embedded  # it asks no database
@pytest.mark.parametrize("day", [datetime(2027, 3, 14, tzinfo=NEW_YORK), datetime(2027, 11, 7, tzinfo=NEW_YORK)])
def test_what_is_put_off_is_never_earlier_and_never_in_the_quiet_hours(day, subtests):
    for start, end in HOURS:
        hours = {"zone": NEW_YORK, "start": start, "end": end}
        with subtests.test(start=start, end=end):
            for minutes in range(-300, 1500, 5):
                moment = day.astimezone(UTC) + timedelta(minutes=minutes)
                after, before = end_of_quiet(moment, **hours), before_quiet(moment, **hours)
                assert before <= moment <= after
                assert not is_quiet(after, **hours) and not is_quiet(before, **hours)
