"""When visits are free. One rule decides what is offered, and whether what a patient books is: the doctor works then
(their hours with their exceptions; at any time if they have no hours), no other visit or the time kept free around it
is in the way, and the practice's policy for online booking allows it. Staff may book whatever does not overlap another
visit, and are warned."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import sub
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
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
    SlotOffer,
    WorkingHours,
)
from appointments.models.appointment_type import LONGEST, LONGEST_BUFFER
from appointments.schedule.free_time import (
    MINUTE,
    STEP,
    Length,
    Rule,
    Span,
    Window,
    fits,
    span_of,
    starts,
    windows,
    without,
)
from core.database.functions import NumbersOf, SecondsDown, SecondsUp
from core.errors import Conflict, Invalid, Sentence
from core.tenancy.compiled import CompiledQuery, now
from practices.models import Office
from practices.services import current_practice

NOT_OFFERED = _("This time isn't available. Please choose one of the times on offer.")
SLOT_HELD = _("Someone is booking this time at the moment. Please choose another one, or try again in a few minutes.")
TOO_MANY = _("There are too many free times to list. Choose a doctor, an office or fewer days.")
NOT_ONLINE = _("This can't be booked online. Please contact the practice.")
OUTSIDE_HOURS, ELSEWHERE, TIME_OFF, TOO_CLOSE, NOT_THEIR_TYPE = (
    _("outside working hours"),
    _("the doctor works at another office then"),
    _("during time off"),
    _("too close to another visit"),
    _("not a visit that this doctor offers"),
)
DAY = timedelta(days=1)
LONGEST_VISIT = timedelta(minutes=LONGEST)
REACH = timedelta(minutes=LONGEST + 2 * LONGEST_BUFFER)  # how far a visit can be in the way of another
LONGEST_SPAN, FURTHEST = timedelta(days=31), timedelta(days=366)  # of the search for the next free times
MOST_TIMES = 60_000  # about 8 MB of JSON, and forty doctors' two months


@dataclass(frozen=True, eq=False)
class Place:
    """With which doctor, and at which office. There is one of each in an answer: tens of thousands of free times are
    sorted by it, and to hash two UUIDs each time would take as long as all the rest."""

    doctor_id: UUID
    office_id: UUID | None


Times = tuple[datetime, datetime, list[Place]]  # from when to when, and where


class Slot(NamedTuple):
    start: datetime
    end: datetime
    doctor_id: UUID
    office_id: UUID | None


@dataclass
class Calendar:
    """What decides when one doctor is free between two moments. `visits` are theirs, in seconds: from and to; `held`
    the same of what is kept for somebody at the moment; `busy` are the spans of both with the time that is kept free
    before and after, in order of their start."""

    doctor: User
    rules: list[Rule] = field(default_factory=list)
    exceptions: list[ScheduleException] = field(default_factory=list)
    visits: list[tuple[int, int]] = field(default_factory=list)
    held: list[tuple[int, int]] = field(default_factory=list)
    busy: list[tuple[int, int]] = field(default_factory=list)
    longest: int = 0  # of those that are busy
    offices: dict[UUID | None, Office] = field(default_factory=dict)  # those that were read, where anybody has hours

    @property
    def has_hours(self) -> bool:
        """Whether anything says when the doctor works; otherwise it is at any time."""
        return bool(self.rules)

    def windows(self, start: datetime, end: datetime, office_id: UUID | None = None) -> list[Window]:
        """Return when the doctor works between the two moments, and beyond where a window reaches further. Without
        hours they are at this office, else at their own."""
        if self.has_hours:
            days = ((start - DAY).astimezone(UTC).date(), (end + DAY).astimezone(UTC).date())
            return windows(self.rules, self.exceptions, *days)
        first = int((start - DAY).timestamp()) // STEP * STEP
        always = Window(first, int((end + DAY).timestamp()), office_id or self.doctor.office_id)
        return without([always], self.exceptions)

    def near(self, window: Window, length: Length) -> list[tuple[int, int]]:
        """Return the visits that could be in the way of one in this window."""
        first = bisect_left(self.busy, (window.start - length.before - self.longest,))
        return self.busy[first : bisect_left(self.busy, (window.end + length.after,))]

    def free(
        self, start: datetime, end: datetime, length: Length, office_id: UUID | None
    ) -> Iterator[tuple[UUID | None, list[int]]]:
        """Yield the free times that begin between the two moments, at this office if one is given: where, and when."""
        first, last = start.timestamp(), end.timestamp()
        asked = Span(int(first) // STEP * STEP, int(last) + STEP + length.visit)  # a window may go on for months
        for window in self.windows(start, end):
            within = _within(window, asked)
            if within.end > within.start and office_id in (None, window.office_id):
                moments = starts(within, self.near(within, length), length)
                if moments and not first <= moments[0] <= moments[-1] < last:
                    moments = [moment for moment in moments if first <= moment < last]
                yield window.office_id, moments

    def office_at(self, start: datetime, end: datetime) -> UUID | None:
        """Return where the doctor works then, else their own office. Where the whole visit fits in comes first; then
        hours at no office, since a booking cannot name those."""
        begins, ends = start.timestamp(), end.timestamp()
        there = [one for one in self.windows(start, end) if one.start <= begins < one.end]
        there.sort(key=lambda one: (one.end < ends, one.office_id is not None))
        return there[0].office_id if there else self.doctor.office_id

    def set_office(self, appointment: Appointment, office_id: UUID | None = None) -> None:
        """Put the visit in this office, else where the doctor works at its time. An office that has been read goes with
        it, or the messages would read it, and its practice, for the time zone."""
        appointment.office_id = office_id or self.office_at(appointment.starts_at, appointment.ends_at)
        own = self.doctor.office if appointment.office_id == self.doctor.office_id else None
        if office := self.offices.get(appointment.office_id) or own:
            appointment.office = office

    def offers(self, appointment: Appointment, length: Length) -> bool:
        """Return whether a patient may book this. A doctor without hours is booked at any minute."""
        moment = int(appointment.starts_at.timestamp())
        is_whole = moment == appointment.starts_at.timestamp()
        near = Span(moment // STEP * STEP, moment + STEP + length.visit)
        for window in self.windows(appointment.starts_at, appointment.ends_at, appointment.office_id):
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
        around = self.windows(appointment.starts_at, appointment.ends_at, appointment.office_id)
        inside = {window.office_id for window in around if window.start <= start and end <= window.end}
        there = (None, appointment.office_id)
        off = (span_of(one) for one in self.exceptions if one.kind == ExceptionKind.OFF and one.office_id in there)
        if inside and self.has_hours and appointment.office_id not in inside:
            yield ELSEWHERE
        if not inside:
            yield TIME_OFF if any(span.start < end and span.end > start for span in off) else OUTSIDE_HOURS
        if any(begins < end + length.after and ends > start - length.before for begins, ends in self.busy):
            yield TOO_CLOSE


def _meets(spans: list[tuple[int, int]], appointment: Appointment) -> bool:
    start, end = appointment.starts_at.timestamp(), appointment.ends_at.timestamp()
    return any(begins < end and ends > start for begins, ends in spans)


def _within(window: Window, span: Span) -> Window:
    if span.start <= window.start and window.end <= span.end:
        return window
    return window._replace(start=max(window.start, span.start), end=min(window.end, span.end))


def find_slots(**asked: Any) -> list[Slot]:
    """Return the same as `find_times`, one by one."""
    return [
        Slot(start, end, place.doctor_id, place.office_id)
        for start, end, places in find_times(**asked)
        for place in places
    ]


def find_times(
    *,
    by: User,
    start: datetime,
    end: datetime,
    type_id: UUID | None = None,
    doctor_id: UUID | None = None,
    office_id: UUID | None = None,
    most: int | None = None,
) -> Iterator[Times]:
    """Yield the free times between the two moments in order: of one doctor, or of all who offer the type. Raises
    NotFound, Conflict for a type that `by` cannot book, and Invalid for more than `most` free times."""
    kind = get_bookable_type(by, type_id)
    length = length_of(kind)
    start, end = max(start, booking_rules.earliest(by)), min(end, booking_rules.latest(by))
    if start >= end:
        return
    places: defaultdict[int, list[Place]] = defaultdict(list)
    count = 0
    for calendar in load_calendars(_doctors(kind, doctor_id), start, end, busy_alone=True):
        there: dict[UUID | None, Place] = {}
        for office, moments in calendar.free(start, end, length, office_id):
            place = there.get(office) or there.setdefault(office, Place(calendar.doctor.pk, office))
            for moment in moments:
                places[moment].append(place)
            count += len(moments)
            if most is not None and count > most:
                raise Invalid("to", TOO_MANY)
    own = _own_visits(by, start, end)
    for moment in sorted(places):
        begins, ends = datetime.fromtimestamp(moment, UTC), datetime.fromtimestamp(moment + length.visit, UTC)
        if not any(visit_begins < ends and visit_ends > begins for visit_begins, visit_ends in own):
            yield begins, ends, places[moment]


def _own_visits(by: User, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return when a patient is with a doctor already, so that nothing is offered then."""
    if not booking_rules.is_patient(by):
        return []
    own = Appointment.objects.visible_to(by).filter(status=AppointmentStatus.SCHEDULED)
    own = own.filter(starts_at__lt=end + REACH, ends_at__gt=start)
    return list(own.values_list("starts_at", "ends_at"))


def find_next(*, by: User, count: int, **asked: Any) -> list[Slot]:
    """Return the next `count` free times, looking a year ahead at most. Raises what `find_slots` raises."""
    start = timezone.now()
    end = min(start + FURTHEST, booking_rules.latest(by))
    span = DAY
    found: list[Slot] = []
    while start < end and len(found) < count:
        found += find_slots(by=by, start=start, end=min(start + span, end), **asked)[: count - len(found)]
        start += span
        span = min(2 * span, LONGEST_SPAN)
    return found


def load_calendars(
    doctors: Iterable[User],
    start: datetime,
    end: datetime,
    *,
    leaving_out: UUID | None = None,
    hold_id: UUID | None = None,
    busy_alone: bool = False,
    offices: Iterable[Office | None] = (),
) -> list[Calendar]:
    """Return the calendars of these doctors between the two moments, without one visit that is to be moved and the hold
    that is booked through, in three queries, or four where anybody has hours at an office that did not come with the
    doctors and is none of `offices`. With `busy_alone` it stays open which busy time is a visit and which is held."""
    calendars = {doctor.pk: Calendar(doctor) for doctor in doctors}
    if not calendars:
        return []
    asked = {"doctors": tuple(calendars)}
    after = start - REACH
    near = {"before": end + REACH, "after": after, "earliest": after - LONGEST_VISIT}
    sent = _rules(None, **asked).sent()
    exceptions = _exceptions(None, **asked, before=end + DAY, after=start - DAY).sent()
    found = _busy(None, busy_alone, **asked, **near, leaving_out=leaving_out, hold_id=hold_id).sent()
    rules = sent()
    known = _offices_of(rules, {pk: calendar.doctor for pk, calendar in calendars.items()}, offices)
    zones = {pk: office.tzinfo for pk, office in known.items()}
    for doctor_id, at, practices_zone, *hours in rules:
        calendar = calendars[doctor_id]
        office_id = at or calendar.doctor.office_id  # hours without an office are at the doctor's own
        zone = zones.get(office_id) or ZoneInfo(practices_zone)
        calendar.rules.append(Rule(office_id if office_id in zones else None, zone, *hours))
    for exception in exceptions():
        for calendar in [calendars[exception.doctor_id]] if exception.doctor_id else calendars.values():
            if exception.doctor_id and exception.kind == ExceptionKind.EXTRA and exception.office_id is None:
                exception.office_id = calendar.doctor.office_id
            calendar.exceptions.append(exception)
    for is_hold, doctor_id, kept_from, kept_until, *exact in found():
        calendar = calendars[doctor_id]
        if exact:
            setattr(calendar, "held" if is_hold else "visits", list(zip(*exact, strict=True)))
        calendar.busy += zip(kept_from, kept_until, strict=True)
        calendar.longest = max(calendar.longest, max(map(sub, kept_until, kept_from), default=0))
    for calendar in calendars.values():
        calendar.offices = known
        calendar.busy.sort()
    return list(calendars.values())


def _offices_of(
    rules: list[Any], doctors: dict[UUID, User], came: Iterable[Office | None]
) -> dict[UUID | None, Office]:
    """Return the offices where these doctors have hours, and others: those that came with the doctors and the visit,
    if that is enough, else the practice's. Those that came may have been read before the calendar was locked: their
    time zone may be that of just before."""
    came = [*came, *(doctor.office for doctor in doctors.values() if User.office.is_cached(doctor))]
    known: dict[UUID | None, Office] = {one.pk: one for one in came if one and Office.practice.is_cached(one)}
    needed = {at or doctors[doctor_id].office_id for doctor_id, at, *_ in rules} - {None}
    return known if needed <= known.keys() else {office.pk: office for office in _offices(None).all()}


@CompiledQuery[Any]
def _rules(person: None, *, doctors: tuple[UUID, ...]) -> Any:
    columns = ("doctor_id", "office_id", "practice__timezone", "weekday", "start", "end", "valid_from", "valid_to")
    return WorkingHours.objects.filter(doctor__in=doctors).values_list(*columns)


@CompiledQuery[Office]
def _offices(person: None) -> Any:
    return Office.objects.select_related("practice")


@CompiledQuery[ScheduleException]
def _exceptions(person: None, *, doctors: tuple[UUID, ...], before: datetime, after: datetime) -> Any:
    concerned = Q(doctor__in=doctors) | Q(doctor=None)
    return ScheduleException.objects.filter(concerned, starts_at__lt=before, ends_at__gt=after)


@CompiledQuery[Any]
def _busy(
    person: None,
    busy_alone: bool,
    *,
    doctors: tuple[UUID, ...],
    before: datetime,
    after: datetime,
    earliest: datetime,
    leaving_out: UUID | None = None,
    hold_id: UUID | None = None,
) -> Any:
    """Find of each doctor with visits, and of each with holds, whether these are holds, the id, and when they begin and
    end in seconds since 1970, with and without the time kept free around them. There may be tens of thousands: the
    database gives each doctor's in one row, and no dates. What ends after a moment has begun a visit's length before it
    at the `earliest`, so that the past is not looked through."""
    visits = Appointment.objects.filter(status=AppointmentStatus.SCHEDULED)
    holds = SlotHold.objects.filter(expires_at__gt=now())
    visits = visits.exclude(pk=leaving_out) if leaving_out else visits
    holds = holds.exclude(pk=hold_id) if hold_id else holds
    begins, ends = SecondsDown("starts_at"), SecondsUp("ends_at")
    kept_before, kept_after = (Coalesce(F(f"type__buffer_{side}"), 0) * MINUTE for side in ("before", "after"))
    columns: dict[str, Any] = {"kept_from": begins - kept_before, "kept_until": ends + kept_after}
    columns |= {} if busy_alone else {"begins": begins, "ends": ends}
    found = [
        rows.filter(doctor__in=doctors, starts_at__gt=earliest, starts_at__lt=before, ends_at__gt=after)
        .order_by()
        .values_list(Value(is_hold), "doctor_id")
        .annotate(**{name: NumbersOf(column) for name, column in columns.items()})
        for is_hold, rows in ((False, visits), (True, holds))
    ]
    return found[0].union(found[1], all=True)


def get_bookable_type(by: User, type_id: UUID | None) -> AppointmentType | None:
    """Return the type to book. Raises NotFound, and Conflict for one that is not offered any more or, to a patient, not
    online."""
    if type_id is None:
        return None
    kind: AppointmentType = AppointmentType.objects.get_or_refuse(pk=type_id)
    if not kind.is_active:
        raise Conflict(_("This type of visit isn't offered any more. Choose another one."))
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


def visits_of(offers: Sequence[SlotOffer]) -> list[Appointment]:
    """Return the visits that these offers would be, which are not stored, each where it would be booked."""
    if not offers:
        return []
    doctors = {offer.doctor_id: offer.doctor for offer in offers}
    first, last = min(offer.starts_at for offer in offers), max(offer.ends_at for offer in offers)
    calendars = {calendar.doctor.pk: calendar for calendar in load_calendars(doctors.values(), first, last)}
    visits = [offer.as_visit() for offer in offers]
    for visit in visits:
        calendars[visit.doctor_id].set_office(visit)
    return visits


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
    came = [appointment.office] if Appointment.office.is_cached(appointment) else []
    (calendar,) = load_calendars(
        [appointment.doctor], start, end, leaving_out=appointment.pk, hold_id=hold_id, offices=came
    )
    if calendar.holds(appointment):
        raise Conflict(SLOT_HELD)
    calendar.set_office(appointment, office_id)
    minutes = Length(int((end - start).total_seconds()))
    length = minutes if kind is None else length_of(kind)._replace(visit=minutes.visit)
    theirs = kind is None or _doctors(kind, appointment.doctor_id) != []
    if booking_rules.is_patient(by):
        if not theirs or not (calendar.offers(appointment, length) or calendar.overlaps(appointment)):
            raise Conflict(NOT_OFFERED)
        return []
    return [*calendar.warnings(appointment, length), *([] if theirs else [NOT_THEIR_TYPE])]
