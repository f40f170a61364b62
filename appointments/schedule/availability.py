"""When visits are free. One rule decides what is offered, and whether what a patient books is: the doctor works then
(their hours with their exceptions; at any time if they have no hours), no other visit or the time kept free around it
is in the way, and the practice's policy for online booking allows it. Staff may book whatever does not overlap another
visit, and are warned."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import ceil
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import booking_rules
from appointments.models import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    ExceptionKind,
    ScheduleException,
    SlotHold,
    WorkingHours,
)
from appointments.models.appointment_type import LONGEST, LONGEST_BUFFER
from appointments.schedule.free_time import (
    MINUTE,
    STEP,
    Length,
    Span,
    Window,
    fits,
    span_of,
    starts,
    windows,
    without,
)
from core.errors import Conflict, Sentence
from practices.services import current_practice

NOT_OFFERED = _("This time isn't available. Please choose one of the times on offer.")
HELD = _("Someone is booking this time at the moment. Please choose another one, or try again in a few minutes.")
NOT_ONLINE = _("This can't be booked online. Please contact the practice.")
OUTSIDE_HOURS, ELSEWHERE, TIME_OFF, TOO_CLOSE, NOT_THEIR_TYPE = (
    _("outside working hours"),
    _("the doctor works at another office then"),
    _("during time off"),
    _("too close to another visit"),
    _("not a visit that this doctor offers"),
)
DAY = timedelta(days=1)
REACH = timedelta(minutes=LONGEST + 2 * LONGEST_BUFFER)  # how far a visit can be in the way of another
CHUNK, FURTHEST = timedelta(days=31), timedelta(days=366)  # of the search for the next free times


class Slot(NamedTuple):
    start: datetime
    end: datetime
    doctor_id: UUID
    office_id: UUID | None


@dataclass
class Calendar:
    """What decides when one doctor is free between two moments. `visits` are theirs, `held` what is kept for others at
    the moment, `busy` both with the time kept free around them, in order of their start."""

    doctor: User
    rules: list[WorkingHours] = field(default_factory=list)
    exceptions: list[ScheduleException] = field(default_factory=list)
    visits: list[Span] = field(default_factory=list)
    held: list[Span] = field(default_factory=list)
    busy: list[Span] = field(default_factory=list)

    @property
    def has_hours(self) -> bool:
        """Whether anything says when the doctor works; otherwise it is at any time."""
        return bool(self.rules)

    @cached_property
    def _longest(self) -> int:
        return max((one.end - one.start for one in self.busy), default=0)

    def windows(self, start: datetime, end: datetime) -> list[Window]:
        """Return when the doctor works between the two moments, and beyond where a window reaches further."""
        if self.has_hours:
            days = ((start - DAY).astimezone(UTC).date(), (end + DAY).astimezone(UTC).date())
            return windows(self.rules, self.exceptions, *days)
        first = int((start - DAY).timestamp()) // STEP * STEP
        always = Window(first, int((end + DAY).timestamp()), self.doctor.office_id)
        return without([always], self.exceptions)

    def near(self, window: Window, length: Length) -> list[Span]:
        """Return the visits that could be in the way of one in this window."""
        first = bisect_left(self.busy, (window.start - length.before - self._longest,))
        return self.busy[first : bisect_left(self.busy, (window.end + length.after,))]

    def free(
        self, start: datetime, end: datetime, length: Length, office_id: UUID | None
    ) -> list[tuple[int, UUID | None]]:
        """Return the free times that begin between the two moments, at this office if one is given: when and where."""
        first, last = start.timestamp(), end.timestamp()
        asked = Span(int(first) // STEP * STEP, int(last) + STEP + length.visit)  # a window may go on for months
        return [
            (moment, window.office_id)
            for window in (_within(one, asked) for one in self.windows(start, end))
            if window.end > window.start and office_id in (None, window.office_id)
            for moment in starts(window, self.near(window, length), length)
            if first <= moment < last
        ]

    def office_at(self, start: datetime, end: datetime) -> UUID | None:
        """Return where the doctor works then, else their own office."""
        begins, ends = start.timestamp(), end.timestamp()
        there = [one for one in self.windows(start, end) if one.start <= begins < one.end]
        there.sort(key=lambda one: one.end < ends)  # where the whole visit fits in comes first
        return there[0].office_id if there else self.doctor.office_id

    def offers(self, appointment: Appointment, length: Length) -> bool:
        """Return whether a patient may book this. A doctor without hours is booked at any minute."""
        moment = int(appointment.starts_at.timestamp())
        is_whole = moment == appointment.starts_at.timestamp()
        near = Span(moment // STEP * STEP, moment + STEP + length.visit)
        for window in self.windows(appointment.starts_at, appointment.ends_at):
            if not self.has_hours and fits(window, self.near(window, length), length, moment):
                return True
            if self.has_hours and window.office_id == appointment.office_id:
                window = _within(window, near)
                if is_whole and moment in starts(window, self.near(window, length), length):
                    return True
        return False

    def overlaps(self, appointment: Appointment) -> bool:
        return _meets(self.visits, appointment)

    def holds(self, appointment: Appointment) -> bool:
        return _meets(self.held, appointment)

    def warnings(self, appointment: Appointment, length: Length) -> Iterator[Sentence]:
        """Yield what speaks against this time, in words for the practice's people."""
        start, end = appointment.starts_at.timestamp(), appointment.ends_at.timestamp()
        around = self.windows(appointment.starts_at, appointment.ends_at)
        inside = {window.office_id for window in around if window.start <= start and end <= window.end}
        there = (None, appointment.office_id)
        off = (span_of(one) for one in self.exceptions if one.kind == ExceptionKind.OFF and one.office_id in there)
        if inside and self.has_hours and appointment.office_id not in inside:
            yield ELSEWHERE
        if not inside:
            yield TIME_OFF if any(span.start < end and span.end > start for span in off) else OUTSIDE_HOURS
        if any(one.start < end + length.after and one.end > start - length.before for one in self.busy):
            yield TOO_CLOSE


def _meets(spans: list[Span], appointment: Appointment) -> bool:
    start, end = appointment.starts_at.timestamp(), appointment.ends_at.timestamp()
    return any(one.start < end and one.end > start for one in spans)


def _within(window: Window, span: Span) -> Window:
    return window._replace(start=max(window.start, span.start), end=min(window.end, span.end))


def find_slots(
    *,
    by: User,
    start: datetime,
    end: datetime,
    type_id: UUID | None = None,
    doctor_id: UUID | None = None,
    office_id: UUID | None = None,
) -> list[Slot]:
    """Return the free times between the two moments in order: of one doctor, or of all who offer the type. Raises
    NotFound, and Conflict for a type that `by` cannot book."""
    kind = get_bookable_type(by, type_id)
    length = length_of(kind)
    start, end = max(start, booking_rules.earliest(by)), min(end, booking_rules.latest(by))
    if start >= end:
        return []
    calendars = load_calendars(_doctors(kind, doctor_id), start, end)
    own = _own_visits(by, start, end)
    free = [calendar.free(start, end, length, office_id) for calendar in calendars]
    return [slot for slot in _in_order(calendars, free, length) if not _collides(slot, own)]


def _own_visits(by: User, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return when a patient is with a doctor already, so that nothing is offered then."""
    if not booking_rules.is_patient(by):
        return []
    own = Appointment.objects.visible_to(by).filter(status=AppointmentStatus.SCHEDULED)
    own = own.filter(starts_at__lt=end + REACH, ends_at__gt=start)
    return list(own.values_list("starts_at", "ends_at"))


def _collides(slot: Slot, visits: list[tuple[datetime, datetime]]) -> bool:
    return any(begins < slot.end and ends > slot.start for begins, ends in visits)


def _in_order(calendars: list[Calendar], free: list[list[tuple[int, UUID | None]]], length: Length) -> list[Slot]:
    """Return the free times of all calendars by their start. Many doctors begin at the same moments, and there may be
    tens of thousands of times: each moment is made a datetime once, and numbers are compared, not ids."""
    found = [(moment, number, place) for number, times in enumerate(free) for moment, place in times]
    found.sort(key=itemgetter(0, 1))
    moments = {moment for moment, _, _ in found}
    begins = {moment: datetime.fromtimestamp(moment, UTC) for moment in moments}
    ends = {moment: datetime.fromtimestamp(moment + length.visit, UTC) for moment in moments}
    doctors = [calendar.doctor.pk for calendar in calendars]
    return [Slot(begins[moment], ends[moment], doctors[number], place) for moment, number, place in found]


def find_next(*, by: User, count: int, **asked: Any) -> list[Slot]:
    """Return the next `count` free times, looking a year ahead at most. Raises what `find_slots` raises."""
    start = timezone.now()
    end = min(start + FURTHEST, booking_rules.latest(by))
    found: list[Slot] = []
    while start < end and len(found) < count:
        found += islice(find_slots(by=by, start=start, end=min(start + CHUNK, end), **asked), count - len(found))
        start += CHUNK
    return found


def load_calendars(
    doctors: Iterable[User],
    start: datetime,
    end: datetime,
    *,
    leaving_out: UUID | None = None,
    hold_id: UUID | None = None,
) -> list[Calendar]:
    """Return the calendars of these doctors between the two moments, without one visit that is to be moved and the hold
    that is booked through, in four queries."""
    calendars = {doctor.pk: Calendar(doctor) for doctor in doctors}
    rules = WorkingHours.objects.filter(doctor__in=calendars)
    for rule in rules.select_related("practice", "office__practice", "doctor__office__practice"):
        rule.office = rule.office or rule.doctor.office  # hours without an office are at the doctor's own
        calendars[rule.doctor_id].rules.append(rule)
    concerned = Q(doctor__in=calendars) | Q(doctor=None)
    for exception in ScheduleException.objects.filter(concerned, starts_at__lt=end + DAY, ends_at__gt=start - DAY):
        for calendar in [calendars[exception.doctor_id]] if exception.doctor_id else calendars.values():
            if exception.doctor_id and exception.kind == ExceptionKind.EXTRA and exception.office_id is None:
                exception.office_id = calendar.doctor.office_id
            calendar.exceptions.append(exception)
    visits = Appointment.objects.filter(doctor__in=calendars, status=AppointmentStatus.SCHEDULED)
    visits = visits.filter(starts_at__lt=end + REACH, ends_at__gt=start - REACH).exclude(pk=leaving_out)
    for doctor_id, visit, busy in _spans(visits):
        calendars[doctor_id].visits.append(visit)
        calendars[doctor_id].busy.append(busy)
    holds = SlotHold.objects.live().filter(doctor__in=calendars).exclude(pk=hold_id)
    for doctor_id, held, busy in _spans(holds.filter(starts_at__lt=end + REACH, ends_at__gt=start - REACH)):
        calendars[doctor_id].held.append(held)
        calendars[doctor_id].busy.append(busy)
    for calendar in calendars.values():
        calendar.busy.sort()
    return list(calendars.values())


def _spans(rows: Any) -> Iterator[tuple[UUID, Span, Span]]:
    """Yield of each visit or hold, in order, whose it is, when it is, and the same with the time kept free around."""
    columns = ("doctor_id", "starts_at", "ends_at", "type__buffer_before", "type__buffer_after")
    for doctor_id, begins, ends, before, after in rows.order_by("starts_at").values_list(*columns):
        span = Span(int(begins.timestamp()), ceil(ends.timestamp()))
        yield doctor_id, span, Span(span.start - (before or 0) * MINUTE, span.end + (after or 0) * MINUTE)


def get_bookable_type(by: User, type_id: UUID | None) -> AppointmentType | None:
    """Return the type to book. Raises NotFound, and Conflict for one that is not offered any more or, to a patient, not
    online."""
    if type_id is None:
        return None
    kind: AppointmentType = AppointmentType.objects.get_or_refuse(pk=type_id)
    if not kind.is_active:
        raise Conflict(_("This type of visit isn't offered any more."))
    if booking_rules.is_patient(by) and not kind.bookable_online:
        raise Conflict(NOT_ONLINE)
    return kind


def length_of(kind: AppointmentType | None) -> Length:
    if kind is None:
        return Length(current_practice().appointment_minutes * MINUTE)
    return Length(kind.minutes * MINUTE, kind.buffer_before * MINUTE, kind.buffer_after * MINUTE)


def _doctors(kind: AppointmentType | None, doctor_id: UUID | None) -> list[User]:
    """Return who may be booked for it. Raises NotFound for an unknown doctor."""
    offering = set(kind.offers.values_list("doctor_id", flat=True)) if kind else set()
    if doctor_id is not None:
        doctor = User.objects.doctor(doctor_id)
        return [doctor] if not offering or doctor.pk in offering else []
    doctors = User.objects.doctors().order_by("id")
    return [doctor for doctor in doctors if not offering or doctor.pk in offering]


def place(
    appointment: Appointment,
    kind: AppointmentType | None,
    *,
    by: User,
    office_id: UUID | None = None,
    hold_id: UUID | None = None,
) -> list[Sentence]:
    """Set where a visit takes place unless it is said, and return what speaks against its time, for the practice's
    people; raise Conflict for a patient, unless another visit is in the way, which the database refuses. Raise Conflict
    for everybody while the time is kept for somebody else, by another hold than this one.

    Call this with the doctor's calendar locked, as holds are made, so that no hold comes between."""
    start, end = appointment.starts_at, appointment.ends_at
    (calendar,) = load_calendars([appointment.doctor], start, end, leaving_out=appointment.pk, hold_id=hold_id)
    if calendar.holds(appointment):
        raise Conflict(HELD)
    appointment.office_id = office_id or calendar.office_at(start, end)
    minutes = Length(int((end - start).total_seconds()))
    length = minutes if kind is None else length_of(kind)._replace(visit=minutes.visit)
    theirs = kind is None or _doctors(kind, appointment.doctor_id) != []
    if booking_rules.is_patient(by):
        if not theirs or not (calendar.offers(appointment, length) or calendar.overlaps(appointment)):
            raise Conflict(NOT_OFFERED)
        return []
    return [*calendar.warnings(appointment, length), *([] if theirs else [NOT_THEIR_TYPE])]
