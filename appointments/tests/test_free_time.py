"""Free times, computed: against a plain model that walks through the day minute by minute."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.models import ScheduleException, WorkingHours
from appointments.schedule.free_time import MINUTE, ROUNDED, STEP, Length, Span, Window, starts, windows
from practices.models import Office
from tests.sampling import examples

ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
OFFICES = [Office(pk=UUID(int=number + 1), timezone=zone) for number, zone in enumerate(ZONES)]
DAYS = [date(2027, 3, 14), date(2027, 3, 28), date(2027, 11, 7), date(2027, 10, 31), date(2027, 4, 4), date(2027, 6, 1)]


def at(day, clock, zone="America/New_York"):
    return int(datetime.combine(day, clock, ZoneInfo(zone)).timestamp())


def hours(day, start, end, office=OFFICES[0], **valid):
    return WorkingHours(office=office, weekday=day.weekday(), start=start, end=end, **valid)


def off(start, end, office=None, kind="off", doctor_id=None):
    moments = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
    return ScheduleException(
        office=office, doctor_id=doctor_id, kind=kind, **dict(zip(("starts_at", "ends_at"), moments, strict=True))
    )


@pytest.mark.parametrize(
    ("day", "minutes"),
    [
        (date(2027, 3, 14), 120),  # at two o'clock the clocks go forward
        (date(2027, 11, 7), 240),  # and back
        (date(2027, 6, 6), 180),
    ],
)
def test_hours_across_a_clock_change_are_as_long_as_the_clock_says(day, minutes):
    (window,) = windows([hours(day, time(1), time(4))], [], day, day)
    assert (window.end - window.start) / MINUTE == minutes


def test_hours_hold_from_and_to_the_days_they_name():
    monday = date(2027, 6, 7)
    rule = hours(monday, time(9), time(12), valid_from=monday + timedelta(7), valid_to=monday + timedelta(14))
    found = windows([rule], [], monday, monday + timedelta(days=60))
    assert [window.start for window in found] == [at(monday + timedelta(days), time(9)) for days in (7, 14)]


def test_time_off_cuts_what_it_touches_and_other_offices_stay():
    day, noon = date(2027, 6, 7), at(date(2027, 6, 7), time(12))
    here, there = hours(day, time(9), time(17)), hours(day, time(9), time(17), OFFICES[1])
    closed = off(noon, noon + 3600, OFFICES[0])
    found = windows([here, there], [closed], day, day)
    pieces = [window for window in found if window.office_id == OFFICES[0].pk]
    assert [window.end - window.start for window in pieces] == [3 * 3600, 4 * 3600]
    assert len(found) == 3


def test_hours_that_meet_are_one_stretch():
    day = date(2027, 6, 7)
    (window,) = windows([hours(day, time(9), time(12)), hours(day, time(12), time(15))], [], day, day)
    assert window.end - window.start == 6 * 3600


def test_extra_hours_of_an_office_are_those_of_who_works_there():
    day = date(2027, 6, 7)
    opened = at(day, time(18))
    for office, expected in ((OFFICES[0], 2), (OFFICES[1], 1)):
        extra = off(opened, opened + 3600, office, kind="extra")
        assert len(windows([hours(day, time(9), time(12))], [extra], day, day)) == expected


def test_visit_starts_at_once_after_the_one_before():
    window, visit = Window(0, 4 * 3600, None), Span(0, 50 * MINUTE)
    found = starts(window, [visit], Length(50 * MINUTE))
    assert [moment // MINUTE for moment in found[:3]] == [50, 60, 75]
    between = [visit, Span(100 * MINUTE, 150 * MINUTE)]
    assert starts(window, between, Length(50 * MINUTE))[0] == 50 * MINUTE


CLOCK = st.times().map(lambda clock: clock.replace(minute=clock.minute // 5 * 5, second=0, microsecond=0))
SPAN = st.tuples(st.integers(0, 36 * 60), st.integers(5, 300))


@settings(max_examples=examples(1_000, 25), deadline=None)
@given(
    day=st.sampled_from(DAYS),
    ranges=st.lists(st.tuples(CLOCK, CLOCK, st.sampled_from(OFFICES)), max_size=4),
    time_off=st.lists(SPAN, max_size=3),
    visits=st.lists(SPAN, max_size=6),
    minutes=st.integers(1, 12).map(lambda fives: fives * 5),
    before=st.sampled_from([0, 5, 15]),
    after=st.sampled_from([0, 10]),
)
def test_offered_is_what_a_plain_model_allows(day, ranges, time_off, visits, minutes, before, after):
    midnight = at(day, time(0), "UTC") - 6 * 3600
    rules = [hours(day, *sorted((one, other)), office) for one, other, office in ranges if one != other]
    exceptions = [off(midnight + start * MINUTE, midnight + (start + long) * MINUTE) for start, long in time_off]
    busy = sorted(Span(midnight + start * MINUTE, midnight + (start + long) * MINUTE) for start, long in visits)
    length = Length(minutes * MINUTE, before * MINUTE, after * MINUTE)

    for window in windows(rules, exceptions, day, day):
        found = list(starts(window, busy, length))

        assert found == sorted(set(found))
        assert set(found) >= {
            moment
            for moment in range(-(-window.start // STEP) * STEP, window.end, STEP)
            if _is_free(moment, window, rules, exceptions, busy, length)
        }
        for moment in found:
            assert _is_free(moment, window, rules, exceptions, busy, length)
            assert moment % ROUNDED == 0


def _is_free(moment, window, rules, exceptions, busy, length):
    """Ask each minute of the visit whether the doctor is at work here, and each minute around it whether they are with
    somebody else."""
    visit = range(moment, moment + length.visit, MINUTE)
    around = range(moment - length.before, moment + length.visit + length.after, MINUTE)
    return all(_at_work(minute, window.office_id, rules, exceptions) for minute in visit) and not any(
        one.start <= minute < one.end for minute in around for one in busy
    )


def _at_work(minute, office_id, rules, exceptions):
    moment = datetime.fromtimestamp(minute, UTC)
    if any(one.starts_at <= moment < one.ends_at for one in exceptions):
        return False
    return any(
        at(local.date(), rule.start, str(rule.tzinfo)) <= minute < at(local.date(), rule.end, str(rule.tzinfo))
        for rule in rules
        if rule.office_id == office_id and (local := moment.astimezone(rule.tzinfo)).weekday() == rule.weekday
    )
