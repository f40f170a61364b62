"""Book a series, and change several of its visits. Each visit is an appointment like any other, booked and changed by
appointments/services.py; here they are one transaction, with the calendars locked in order before anything else."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import services
from appointments.lost_updates import own_writes
from appointments.models import Appointment, AppointmentQuerySet, AppointmentSeries, AppointmentStatus, SeriesScope
from appointments.rooms.services import get_bookable_room
from appointments.series.recurrence import is_too_long, occurrences
from appointments.series.serializers import OccurrenceShape
from appointments.time_rules import INVALID_DATE, LATEST
from audit import context
from core.errors import Conflict, Invalid, NotFound, Sentence, StaleVersion
from practices.services import get_timezone_at

TOO_LONG = _("A series has at most 100 visits within two years.")
ONE_END = _("Say either how many visits, or the last day.")
BEFORE_START = _("Enter a day after the first visit.")
NOT_FREE = _("Some of these visits can't take place, so nothing was saved.")
NONE_FREE = _("None of these visits can take place.")
NO_SERIES = _("This appointment isn't part of a series.")
CANCELLING = {"status", "cancel_reason"}
CANCEL_ONLY = _("Several visits at once can be cancelled, but not completed or reopened.")
OVER = _("Only upcoming visits can be changed together. Choose one that is still to come.")
TOGETHER = ({"type_id", "minutes"}, {"office_id", "room_id"})  # a type brings its minutes along, a room its office


@dataclass
class Occurrence:
    """One visit of a series that is booked or changed, or would be; `conflict` says why it cannot."""

    position: int
    starts_at: datetime
    appointment_id: UUID | None = None
    conflict: str | None = None
    warnings: list[Sentence] = field(default_factory=list)


class SeriesConflict(Conflict):
    """409: some visits cannot take place; the answer lists all of them."""

    def __init__(self, detail: Sentence, found: list[Occurrence]) -> None:
        super().__init__(detail)
        self.extra = {"occurrences": [OccurrenceShape.to_dict(one) for one in found]}  # type: ignore[misc]


class _OnlyPlannedError(Exception):
    """Takes back what was only tried."""


def book(
    *,
    by: User,
    patient_id: UUID,
    doctor_id: UUID,
    date: datetime,
    every: int,
    unit: str,
    count: int | None = None,
    until: dt.date | None = None,
    office_id: UUID | None = None,
    room_id: UUID | None = None,
    hold_id: UUID | None = None,
    skip_conflicts: bool = False,
    dry_run: bool = False,
    **fields: Any,
) -> list[Occurrence]:
    """Book visits every so many days, weeks or months at the local time of `date`, and return them with what speaks
    against each. With `dry_run` the same is done and taken back, so that the answer is what would come of it.

    Raises what appointments/services.py `book` raises for the first visit, Invalid for a series without an end or
    beyond its bounds, and SeriesConflict if a visit cannot take place, unless `skip_conflicts` leaves those out."""
    if room_id and office_id is None:
        office_id = get_bookable_room(room_id).office_id
    office = office_id or User.objects.doctor(doctor_id).office_id
    days = _planned(date, office, every=every, unit=unit, count=count, until=until)
    found = [Occurrence(position, moment.astimezone(UTC)) for position, moment in enumerate(days)]
    try:
        with services.calendar_lock(doctor_id, room_id):
            with context.done_by(by):
                series = AppointmentSeries.objects.create(every=every, unit=unit)
            for one, moment in zip(found, days, strict=True):
                with _noting_conflict(one, is_first=one.position == 0):
                    booked = services.book(
                        by=by,
                        patient_id=patient_id,
                        doctor_id=doctor_id,
                        date=date if one.position == 0 else moment.replace(tzinfo=None),
                        office_id=office_id,
                        room_id=room_id,
                        hold_id=hold_id if one.position == 0 else None,
                        series=series,
                        position=one.position,
                        **fields,
                    )
                    one.appointment_id, one.warnings = booked.pk, list(booked.warnings)
            if dry_run:
                raise _OnlyPlannedError
            _refuse_conflicts(found, may_skip=skip_conflicts)
    except _OnlyPlannedError:
        for one in found:
            one.appointment_id = None
    return found


def _planned(date: datetime, office_id: UUID | None, *, until: dt.date | None, **rule: Any) -> list[datetime]:
    """Return when the visits are to be. Raises NotFound for an unknown office, and Invalid."""
    if (rule["count"] is None) == (until is None):
        raise Invalid("count", ONE_END)
    zone = get_timezone_at(office_id)
    try:
        first = date.replace(tzinfo=zone) if is_naive(date) else date.astimezone(zone)
        if until is not None and until < first.date():
            raise Invalid("until", BEFORE_START)
        local = occurrences(first.replace(tzinfo=None), until=until, **rule)
        found = [first, *(moment.replace(tzinfo=zone) for moment in local[1:])]
        last = found[-1].astimezone(UTC)
    except (OverflowError, ValueError) as error:  # beyond what datetime can represent
        raise Invalid("date", INVALID_DATE) from error
    if is_too_long(local) or last > LATEST:
        raise Invalid("until" if until else "count", TOO_LONG)
    return found


@contextmanager
def _noting_conflict(one: Occurrence, *, is_first: bool) -> Iterator[None]:
    """Note at the occurrence why it cannot take place. What is wrong with the first is wrong with what was sent."""
    try:
        yield
    except StaleVersion:
        raise
    except Conflict as refusal:
        one.conflict = refusal.detail
    except Invalid as refusal:
        if is_first:
            raise
        one.conflict = refusal.message


def _refuse_conflicts(found: list[Occurrence], *, may_skip: bool = False) -> None:
    conflicts = sum(one.conflict is not None for one in found)
    if conflicts == len(found) or (conflicts and not may_skip):
        raise SeriesConflict(NONE_FREE if conflicts == len(found) else NOT_FREE, found)


@dataclass
class Before:
    """A visit that was changed with others of its series: the version it has now, and what it was before, as
    appointments/services.py `change` names it."""

    appointment_id: UUID
    version: int
    values: dict[str, Any]


def change(*, by: User, appointment_id: UUID, scope: str, expected: int | None = None, **changes: Any) -> Appointment:
    """Return `change_several`'s visit."""
    visit, _before = change_several(by=by, appointment_id=appointment_id, scope=scope, expected=expected, **changes)
    return visit


def change_several(
    *, by: User, appointment_id: UUID, scope: str, expected: int | None = None, **changes: Any
) -> tuple[Appointment, list[Before]]:
    """Change or cancel this visit of a series and those that follow, or all, and return this one and what all were
    before, for `restore`: the fields of appointments/services.py `change`. A move is by as many days, to the same local
    time. What is over, begun, cancelled or completed stays as it is, and of what was changed by itself the fields that
    were.

    Raises what that `change` raises for this one, Invalid for an appointment of no series and for completing or
    reopening several, Conflict if this visit is over, and SeriesConflict if one of them cannot take place."""
    anchor = Appointment.objects.visible_to(by).with_offices().get_or_refuse(pk=appointment_id)
    if anchor.series_id is None:
        raise Invalid("scope", NO_SERIES)
    if changes.get("status") == anchor.status:
        del changes["status"]  # clients send back whole objects
    if changes.get("status", AppointmentStatus.CANCELLED) != AppointmentStatus.CANCELLED:
        raise Invalid("status", CANCEL_ONLY)
    changes = services.with_office_of_room(anchor, changes)
    meant = _meant(by, anchor, scope)
    locked = {changes.get("doctor_id"), changes.get("room_id")}.union(*meant.values_list("doctor_id", "room_id"))
    with services.calendar_lock(*locked):
        visits = {visit.pk: visit for visit in meant}
        if anchor.pk not in visits:
            raise Conflict(OVER)
        if not locked.issuperset(one for visit in visits.values() for one in (visit.doctor_id, visit.room_id)):
            raise Conflict(services.CALENDAR_BUSY)
        return _change_each(by, visits[anchor.pk], list(visits.values()), expected, changes)


def _meant(by: User, anchor: Appointment, scope: str) -> AppointmentQuerySet:
    found: AppointmentQuerySet = Appointment.objects.visible_to(by).with_offices().filter(series=anchor.series_id)
    found = found.filter(
        status=AppointmentStatus.SCHEDULED, starts_at__gt=timezone.now(), arrived_at=None, started_at=None
    )
    return found if scope == SeriesScope.ALL else found.filter(position__gte=anchor.position)


def _change_each(
    by: User, anchor: Appointment, visits: list[Appointment], expected: int | None, changes: dict[str, Any]
) -> tuple[Appointment, list[Before]]:
    """Change the visits one by one: those that are moved later from the last on, so that none meets the next one."""
    shift = _shift(anchor, changes)
    visits.sort(key=lambda visit: visit.starts_at, reverse=shift > timedelta(0))
    result, found, before = anchor, [], []
    for visit in visits:
        was = _place(visit)
        is_anchor = visit.pk == anchor.pk
        wanted = changes if is_anchor else _wanted(visit, changes, shift)
        found.append(one := Occurrence(visit.position or 0, visit.starts_at, visit.pk))
        with _noting_conflict(one, is_first=is_anchor):
            changed = services.change(
                by=by,
                appointment_id=visit.pk,
                expected=expected if is_anchor else visit.version,
                of_series=True,
                **wanted,
            )
            one.starts_at, one.warnings = changed.starts_at, list(changed.warnings)
            result = changed if is_anchor else result
            is_now = _place(changed)
            values = {name: value for name, value in was.items() if value != is_now[name]}
            before += [Before(visit.pk, changed.version, values)] if values else []
    if any(one.conflict for one in found):
        raise SeriesConflict(NOT_FREE, sorted(found, key=lambda one: one.position))
    return result, before


def _place(visit: Appointment) -> dict[str, Any]:
    """Return what `restore` brings back, as appointments/services.py `change` names it."""
    names = ("doctor_id", "office_id", "room_id", "type_id", "minutes", "status")
    return {"date": visit.starts_at, **{name: getattr(visit, name) for name in names}}


def restore(*, by: User, changed: list[Before]) -> list[Appointment]:
    """Take back what `change_several` did to these visits, all or none.

    Raises what appointments/services.py `change` raises for the first that is refused for another reason than its time,
    StaleVersion if one was changed since, and SeriesConflict if one's time is taken by now."""
    ids = [one.appointment_id for one in changed]
    meant = Appointment.objects.visible_to(by).with_offices().filter(pk__in=ids)
    locked = {one.values.get(name) for one in changed for name in ("doctor_id", "room_id")}
    with services.calendar_lock(*locked.union(*meant.values_list("doctor_id", "room_id"))):
        visits = {visit.pk: visit for visit in meant}
        if len(visits) < len(set(ids)):
            raise NotFound(_("Appointment not found."))
        now_at = {pk: visit.starts_at for pk, visit in visits.items()}
        shifts = [one.values["date"] - now_at[one.appointment_id] for one in changed if "date" in one.values]
        # those that go back to a later time from the last on, so that none meets the next one
        is_later = max(shifts, default=timedelta(0)) > timedelta(0)
        changed = sorted(changed, key=lambda one: now_at[one.appointment_id], reverse=is_later)
        found, result = [], []
        for one in changed:
            visit = visits[one.appointment_id]
            found.append(noted := Occurrence(visit.position or 0, one.values.get("date", visit.starts_at), visit.pk))
            with _noting_conflict(noted, is_first=True):
                result.append(
                    services.change(
                        by=by,
                        appointment_id=visit.pk,
                        expected=one.version,
                        allow_past=True,
                        allow_overlap=True,
                        of_series=True,
                        **one.values,
                    )
                )
        if any(one.conflict for one in found):
            raise SeriesConflict(NOT_FREE, sorted(found, key=lambda one: one.position))
    return result


def _wanted(visit: Appointment, changes: dict[str, Any], shift: timedelta) -> dict[str, Any]:
    """Return what to change of a visit beside the one that was chosen: nothing that was changed in it alone."""
    own = own_writes(visit)
    kept = {"date" if name == "starts_at" else name for name in own}.union(*(one for one in TOGETHER if one & own))
    wanted = {name: value for name, value in changes.items() if name in CANCELLING or name not in kept}
    if "date" in wanted:
        wanted["date"] = _local(visit.starts_at, visit.tzinfo) + shift
    return wanted


def _shift(anchor: Appointment, changes: dict[str, Any]) -> timedelta:
    """Return by how much the anchor moves on the clocks of its office."""
    if "date" not in changes:
        return timedelta(0)
    office_id = changes.get("office_id") or anchor.office_id or anchor.doctor.office_id
    date = changes["date"]
    return (date if is_naive(date) else _local(date, get_timezone_at(office_id))) - _local(
        anchor.starts_at, anchor.tzinfo
    )


def _local(moment: datetime, zone: dt.tzinfo) -> datetime:
    try:
        return moment.astimezone(zone).replace(tzinfo=None)
    except OverflowError as error:
        raise Invalid("date", INVALID_DATE) from error
