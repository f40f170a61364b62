"""Quiet hours: when nobody is to be woken by a message, in the local time of the practice."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def is_quiet(moment: datetime, *, zone: ZoneInfo, start: time, end: time) -> bool:
    """Return whether the clocks there show a quiet time. Quiet hours may go over midnight; there are none if they end
    when they begin."""
    now = moment.astimezone(zone).time()
    return start <= now < end if start <= end else now >= start or now < end


def end_of_quiet(moment: datetime, *, zone: ZoneInfo, start: time, end: time) -> datetime:
    """Return when the quiet hours around this moment end; the moment itself if it is in none."""
    if not is_quiet(moment, zone=zone, start=start, end=end):
        return moment
    local = moment.astimezone(zone)
    day = local.date() if local.time() < end else local.date() + timedelta(days=1)
    ends = datetime.combine(day, end, zone)
    if ends.astimezone(UTC) <= moment:  # that was the first of two, as the clocks were set back between them
        ends = ends.replace(fold=1)
    return ends.astimezone(moment.tzinfo)


def before_quiet(moment: datetime, *, zone: ZoneInfo, start: time, end: time) -> datetime:
    """Return the last minute before the quiet hours around this moment; the moment itself if it is in none."""
    if not is_quiet(moment, zone=zone, start=start, end=end):
        return moment
    local = moment.astimezone(zone)
    day = local.date() if local.time() >= start else local.date() - timedelta(days=1)
    begins = max(datetime.combine(day, start, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    before = min(moment.astimezone(UTC), begins)
    # once, unless the clocks skip the start or show it twice
    while is_quiet(before, zone=zone, start=start, end=end):
        before -= timedelta(minutes=1)
    return before.astimezone(moment.tzinfo)


def reminder_time(wanted: datetime, *, latest: datetime, zone: ZoneInfo, start: time, end: time) -> datetime:
    """Return when to send a reminder that is wanted then: after the quiet hours, or before them if that would be after
    `latest`."""
    after = end_of_quiet(wanted, zone=zone, start=start, end=end)
    return after if after <= latest else before_quiet(wanted, zone=zone, start=start, end=end)
