"""Free time, computed: spans are pairs of seconds since 1970 (UTC), so that rules in local time, offices in other zones
and clock changes meet on one axis. Nothing here asks the database."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from appointments.models import ExceptionKind, ScheduleException, WorkingHours
from appointments.time_rules import EARLIEST, LATEST

MINUTE = 60
STEP = 15 * MINUTE  # visits are offered each quarter of an hour
ROUNDED = 5 * MINUTE  # and on the next five minutes when work begins and when the visit before is over
DAY, YEAR = timedelta(days=1), timedelta(weeks=53)


class Span(NamedTuple):
    start: int
    end: int


class Window(NamedTuple):
    """A span in which a doctor works, and where."""

    start: int
    end: int
    office_id: UUID | None


class Rule(NamedTuple):
    """What there is to know of a stretch of a doctor's working week."""

    office_id: UUID | None
    tzinfo: ZoneInfo
    weekday: int
    start: time
    end: time
    valid_from: date | None
    valid_to: date | None


class Length(NamedTuple):
    """What a visit takes, in seconds: itself, and the time kept free around it."""

    visit: int
    before: int = 0
    after: int = 0


def windows(
    rules: Iterable[Rule | WorkingHours], exceptions: Iterable[ScheduleException], first: date, last: date
) -> list[Window]:
    """Return when one doctor works on the local days from `first` to `last`, in order. The exceptions are those that
    concern this doctor; extra hours of a whole office concern the offices that the rules name."""
    rules, exceptions = list(rules), list(exceptions)
    offices = {rule.office_id for rule in rules}
    found = [window for rule in rules for window in _each_week(rule, first, last)]
    extras = (one for one in exceptions if one.kind == ExceptionKind.EXTRA)
    found += [
        Window(*span_of(extra), extra.office_id) for extra in extras if extra.doctor_id or extra.office_id in offices
    ]
    return _joined(sorted(without(found, exceptions), key=lambda window: (window.start, window.end)))


def without(found: list[Window], exceptions: Iterable[ScheduleException]) -> list[Window]:
    """Return the windows without the time that somebody is off."""
    for off in (one for one in exceptions if one.kind == ExceptionKind.OFF):
        found = [
            piece for window in found for piece in ([window] if _elsewhere(off, window) else _cut(window, span_of(off)))
        ]
    return found


def span_of(row: ScheduleException) -> Span:
    return Span(int(row.starts_at.timestamp()), int(row.ends_at.timestamp()))


def _each_week(rule: Rule | WorkingHours, first: date, last: date) -> Iterator[Window]:
    first = max(first, rule.valid_from or first)
    last = min(last, rule.valid_to or last)
    if first <= last:  # it may begin on the last day that there is
        for span in _weekly_spans(rule.weekday, rule.start, rule.end, rule.tzinfo, first, last):
            yield Window(span.start, span.end, rule.office_id)


@lru_cache(maxsize=1024)
def _weekly_spans(weekday: int, begins: time, ends: time, zone: ZoneInfo, first: date, last: date) -> list[Span]:
    """Return the span on each of these weekdays. Most doctors of an office work the same hours, and turning local times
    into moments is the dear part."""
    spans = []
    for number in range((weekday - first.weekday()) % 7, (last - first).days + 1, 7):
        day = first + timedelta(days=number)
        # a time that the clocks skip is the moment at which they do; of one that occurs twice, the first is meant
        start, end = (int(datetime.combine(day, clock, zone).timestamp()) for clock in (begins, ends))
        if end > start:
            spans.append(Span(start, end))
    return spans


def _elsewhere(off: ScheduleException, window: Window) -> bool:
    return off.office_id is not None and off.office_id != window.office_id


def overlap(one: WorkingHours, other: WorkingHours, *, today: date) -> bool:
    """Return whether a doctor would ever work by both rules at once. In one zone their clocks say it. In two it is
    judged by moments, over a year from when both hold: there the clocks change on different days."""
    first = max(rule.valid_from or date.min for rule in (one, other))
    last = min(rule.valid_to or date.max for rule in (one, other))
    if one.tzinfo == other.tzinfo:
        return one.weekday == other.weekday and one.start < other.end and other.start < one.end and first <= last
    begin = _bookable(max(first, min(today, _bookable(last) - YEAR)))
    found = [window for rule in (one, other) for window in windows([rule], [], begin - DAY, begin + YEAR)]
    return any(later.start < earlier.end for earlier, later in pairwise(sorted(found, key=lambda window: window.start)))


def _bookable(day: date) -> date:
    """Return the day, or the next on which there can be visits."""
    return min(max(day, EARLIEST.date()), LATEST.date())


def _cut(window: Window, off: Span) -> list[Window]:
    pieces = [
        Window(window.start, min(window.end, off.start), window.office_id),
        Window(max(window.start, off.end), window.end, window.office_id),
    ]
    return [piece for piece in pieces if piece.start < piece.end]


def _joined(found: list[Window]) -> list[Window]:
    """Return the windows with those of one office that touch or overlap as one."""
    joined: dict[UUID | None, list[Window]] = {}
    for window in found:
        there = joined.setdefault(window.office_id, [])
        if there and window.start <= there[-1].end:
            there[-1] = there[-1]._replace(end=max(there[-1].end, window.end))
        else:
            there.append(window)
    return sorted(chain.from_iterable(joined.values()), key=lambda window: window.start)


def starts(window: Window, busy: Iterable[tuple[int, int]], length: Length) -> list[int]:
    """Return, in order, when a visit of this length may start in the window. `busy` are the other visits with the time
    kept free around them, in order of their start."""
    found: list[int] = []
    for first, last in possible(window, busy, length):
        at_once, on_the_quarter = -(-first // ROUNDED) * ROUNDED, -(-first // STEP) * STEP
        if at_once < on_the_quarter and at_once <= last:
            found.append(at_once)
        found.extend(range(on_the_quarter, last + 1, STEP))
    return found


def possible(window: Window, busy: Iterable[tuple[int, int]], length: Length) -> Iterator[tuple[int, int]]:
    """Yield the stretches of moments at which the visit may start, both ends included."""
    visit, before, after = length
    earliest, latest = window.start, window.end - visit
    for begins, ends in busy:
        ends_before, starts_after = begins - visit - after, ends + before
        if ends_before >= latest:
            break
        if ends_before >= earliest:
            yield earliest, ends_before
        if starts_after > earliest:
            earliest = starts_after
        if earliest > latest:
            return
    if earliest <= latest:
        yield earliest, latest


def fits(window: Window, busy: Iterable[tuple[int, int]], length: Length, start: int) -> bool:
    """Return whether a visit of this length may start then, at whatever minute."""
    return any(first <= start <= last for first, last in possible(window, busy, length))
