"""Working hours and exceptions: the manager's, and a doctor's for themselves."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations, groupby
from operator import attrgetter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import ExceptionKind, ScheduleException, WorkingHours
from appointments.schedule.free_time import overlap
from appointments.time_rules import EARLIEST, INVALID_DATE, LATEST, at_local_time
from audit import context
from core.database.locks import take_lock
from core.errors import Conflict, Forbidden, Invalid
from core.permissions import Permission
from practices.services import checking_office_exists, current_practice, get_office, get_timezone_at

OTHERS = _("You can only change your own working hours and time off.")
END_BEFORE_START = _("Enter an end after the start.")
OVERLAPPING = _("These hours overlap other working hours of this doctor.")
OVERLAPPING_IN_ZONE = _(
    "In this time zone, %(doctor)s would have overlapping working hours at two offices. Change those hours first."
)
NOBODY = _("Say whose extra hours these are.")


def may_change(by: User, doctor_id: UUID | None) -> bool:
    return by.can(Permission.MANAGE_SCHEDULES) or (by.can(Permission.MANAGE_OWN_SCHEDULE) and doctor_id == by.pk)


def may_read_reason(by: User, exception: ScheduleException) -> bool:
    """Return whether `by` may read why: of a doctor's, managers and they themselves; of everyone's, everyone."""
    return exception.doctor_id is None or may_change(by, exception.doctor_id)


def _check_may_change(by: User, *doctor_ids: UUID | None) -> None:
    if not all(may_change(by, doctor_id) for doctor_id in doctor_ids):
        raise Forbidden(OTHERS)


@transaction.atomic
def add_hours(*, by: User, **fields: Any) -> WorkingHours:
    """Add a stretch of a doctor's week. Raises NotFound for an unknown doctor or office, Forbidden for a colleague's
    hours, Invalid for an end before the start, Conflict for hours that overlap others of this doctor."""
    return _save_hours(WorkingHours(**fields), by=by)


@transaction.atomic
def change_hours(*, hours_id: UUID, by: User, expected: int | None = None, **changes: Any) -> WorkingHours:
    """Change the given fields. `expected` is the version that the caller has read. Raises StaleVersion, and what
    `add_hours` raises."""
    hours: WorkingHours = WorkingHours.objects.select_for_update().get_or_refuse(pk=hours_id)
    _check_may_change(by, hours.doctor_id)
    hours.check_version(expected)
    for name, value in changes.items():
        setattr(hours, name, value)
    return _save_hours(hours, by=by)


def _save_hours(hours: WorkingHours, *, by: User) -> WorkingHours:
    hours.doctor = User.objects.doctor(hours.doctor_id)
    hours.office = get_office(hours.office_id) if hours.office_id else None
    hours.practice = current_practice()
    _check_may_change(by, hours.doctor_id)
    if hours.end <= hours.start:
        raise Invalid("end", END_BEFORE_START)
    if hours.valid_from and hours.valid_to and hours.valid_to < hours.valid_from:
        raise Invalid("validTo", END_BEFORE_START)
    with checking_office_exists(), context.done_by(by):
        take_lock(str(hours.doctor_id))  # two desks adding hours queue here
        if _overlaps_others(hours):
            raise Conflict(OVERLAPPING)
        hours.save()
    return hours


def check_no_hours_overlap() -> None:
    """Raise Conflict if a doctor now works at two places at once, after the time zone of one of them was changed."""
    doctors = WorkingHours.objects.order_by().values_list("doctor_id", flat=True).distinct()
    for name in sorted(map(str, doctors)):
        take_lock(name)
    today = current_practice().today()
    for _doctor, theirs in groupby(_with_zones(WorkingHours.objects.order_by("doctor")), key=attrgetter("doctor_id")):
        for one, other in combinations(theirs, 2):
            if overlap(one, other, today=today):
                raise Conflict(OVERLAPPING_IN_ZONE % {"doctor": one.doctor.name})


def _with_zones(hours: QuerySet[WorkingHours]) -> QuerySet[WorkingHours]:
    return hours.select_related("practice", "office__practice", "doctor__office__practice")


def _overlaps_others(hours: WorkingHours) -> bool:
    others = _with_zones(WorkingHours.objects.filter(doctor=hours.doctor_id).exclude(pk=hours.pk))
    return any(overlap(hours, other, today=hours.practice.today()) for other in others)


@transaction.atomic
def remove_hours(*, hours_id: UUID, by: User) -> None:
    """Remove a stretch of a doctor's week. Raises NotFound, and Forbidden for a colleague's."""
    hours: WorkingHours = WorkingHours.objects.select_for_update().get_or_refuse(pk=hours_id)
    _check_may_change(by, hours.doctor_id)
    with context.done_by(by):
        hours.delete()


@transaction.atomic
def add_exception(
    *,
    by: User,
    start: datetime,
    end: datetime,
    kind: str = ExceptionKind.OFF,
    doctor_id: UUID | None = None,
    office_id: UUID | None = None,
    reason: str = "",
) -> ScheduleException:
    """Add time off or extra hours of a doctor, of an office, or with neither (off alone) of the whole practice. A
    moment without an offset is local to the office, else the practice. Raises NotFound, Forbidden and Invalid."""
    exception = ScheduleException(kind=kind, doctor_id=doctor_id, office_id=office_id, reason=reason)
    return _save_exception(exception, by=by, start=start, end=end)


@transaction.atomic
def change_exception(
    *,
    exception_id: UUID,
    by: User,
    expected: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    **changes: Any,
) -> ScheduleException:
    """Change the given fields. `expected` is the version that the caller has read. Raises StaleVersion, and what
    `add_exception` raises."""
    exception: ScheduleException = ScheduleException.objects.select_for_update().get_or_refuse(pk=exception_id)
    _check_may_change(by, exception.doctor_id)
    exception.check_version(expected)
    for name, value in changes.items():
        setattr(exception, name, value)
    return _save_exception(exception, by=by, start=start or exception.starts_at, end=end or exception.ends_at)


def _save_exception(exception: ScheduleException, *, by: User, start: datetime, end: datetime) -> ScheduleException:
    exception.doctor = User.objects.doctor(exception.doctor_id) if exception.doctor_id else None
    exception.office = get_office(exception.office_id) if exception.office_id else None
    _check_may_change(by, exception.doctor_id)
    if exception.kind == ExceptionKind.EXTRA and not (exception.doctor or exception.office):
        raise Invalid("doctorId", NOBODY)
    zone = get_timezone_at(exception.office_id)
    exception.starts_at, exception.ends_at = _in_utc(start, zone, "from"), _in_utc(end, zone, "to")
    if not EARLIEST <= exception.starts_at < LATEST:
        raise Invalid("from", INVALID_DATE)
    if exception.ends_at <= exception.starts_at:
        raise Invalid("to", END_BEFORE_START)
    if exception.ends_at > LATEST:
        raise Invalid("to", INVALID_DATE)
    with checking_office_exists(), context.done_by(by):
        exception.save()
    return exception


def _in_utc(moment: datetime, zone: ZoneInfo, field: str) -> datetime:
    if is_naive(moment):
        return at_local_time(moment, zone, field=field)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # at the edges of what datetime can represent
        raise Invalid(field, INVALID_DATE) from error


@transaction.atomic
def remove_exception(*, exception_id: UUID, by: User) -> None:
    """Remove it. Raises NotFound, and Forbidden unless `by` may change it."""
    exception: ScheduleException = ScheduleException.objects.select_for_update().get_or_refuse(pk=exception_id)
    _check_may_change(by, exception.doctor_id)
    with context.done_by(by):
        exception.delete()


@transaction.atomic
def take_holidays(*, by: User, names: dict[date, str], office_id: UUID | None = None) -> list[ScheduleException]:
    """Close the office, or the whole practice, on these days, and return the exceptions that were made; a day on which
    it is closed already gets none. Raises NotFound and Forbidden."""
    _check_may_change(by, None)
    zone = get_timezone_at(office_id)
    take_lock(f"holidays {by.practice_id}")  # two who take the same ones queue here
    made = []
    for day in sorted(names.keys() - closed_days(names, office_id=office_id)):
        start, end = _day_at(day, zone)
        made.append(add_exception(by=by, start=start, end=end, office_id=office_id, reason=names[day][:200]))
    return made


def closed_days(days: Collection[date], *, office_id: UUID | None = None) -> set[date]:
    """Return those of the days on which the office, or the whole practice, is closed already. Raises NotFound."""
    zone = get_timezone_at(office_id)
    spans = {day: _day_at(day, zone) for day in days}
    if not spans:
        return set()
    closed = ScheduleException.objects.filter(Q(office=None) | Q(office=office_id), kind=ExceptionKind.OFF, doctor=None)
    closed = closed.filter(starts_at__lte=spans[max(days)][0], ends_at__gte=spans[min(days)][1])
    whole = list(closed.order_by().values_list("starts_at", "ends_at"))
    return {day for day, (start, end) in spans.items() if any(since <= start and end <= to for since, to in whole)}


def _day_at(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # with their time zone: where the clocks skip a midnight, the moment at which they do is meant
    start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return start, end
