"""The waiting list: who waits, whom a freed slot suits, and offers of it. An offer is a hold that expires
(docs/adr/0040); of those to whom one slot is offered, the first to accept has it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import services
from appointments.holds.services import keep
from appointments.models import (
    Appointment,
    AppointmentStatus,
    AppointmentType,
    SlotHold,
    SlotOffer,
    WaitingListEntry,
    WaitingState,
    WantedDoctor,
)
from appointments.models.waiting_list import ANY_DAY, SlotOfferQuerySet
from appointments.schedule import availability
from audit import context, log
from audit.events import AuditEvent
from core.errors import Conflict, Invalid
from notifications.messages.planning import plan
from notifications.models import MessageKind
from patients.models import Patient
from patients.restriction.services import check_access, emergency_details, resolve_access
from patients.services import lock_chart
from practices.services import current_practice, get_timezone_at

MOST_MATCHES = 50
LASTS = 30  # minutes
BY_LINK: dict[str, Any] = {"via": "link"}  # nobody is signed in
ON_IT_ALREADY = _("This patient is already waiting for this.")
NOT_WAITING = _("This patient isn't waiting any more. Put them on the list again if they should be.")
BOOKED_ALREADY = _("This has been booked already. Cancel the appointment instead.")
END_BEFORE_START = _("Enter an end after the start.")
OVER = _("Enter today or a later day.")
IN_THE_PAST = _("Enter a time in the future.")
OFFERED_ALREADY = _("This time is already offered to this patient.")
EXPIRED = _("This offer has expired. Offer the time again if it is still free.")
TAKEN = _("This time isn't on offer any more. Someone else may have taken it.")


# --- Who waits --------------------------------------------------------------------------------------------------------


@transaction.atomic
def add(*, by: User, patient_id: UUID, **fields: Any) -> WaitingListEntry:
    """Put a patient on the waiting list. Raises NotFound for an unknown patient, type or doctor, Invalid for days or
    times that end before they begin, and Conflict if the patient waits for this type already."""
    with context.done_by(by):
        patient = lock_chart(by=by, patient_id=patient_id)  # also serialises the patient's entries
        return _save(WaitingListEntry(patient=patient), by=by, fields=fields)


@transaction.atomic
def change(*, by: User, entry_id: UUID, expected: int | None = None, **fields: Any) -> WaitingListEntry:
    """Change the given fields. `expected` is the version that the caller has read. Raises what `add` raises,
    StaleVersion, Conflict if the patient does not wait any more, and ChartRestricted for the note of a chart that is
    closed to `by`."""
    with context.done_by(by):
        entry = _lock(by, entry_id)
        entry.check_version(expected)
        if "note" in fields:
            check_access(by, entry.patient)  # someone who cannot read a text must not overwrite it
        return _save(entry, by=by, fields=fields)


def _save(entry: WaitingListEntry, *, by: User, fields: dict[str, Any]) -> WaitingListEntry:
    doctor_ids, could_until = fields.pop("doctor_ids", None), entry.last_day
    if "weekdays" in fields:
        fields["weekdays"] = bits_of(fields["weekdays"])
    for name, value in fields.items():
        setattr(entry, name, value)
    if entry.type_id:
        entry.type = _lock_type(entry.type_id)
    if entry.first_day and entry.last_day and entry.last_day < entry.first_day:
        raise Invalid("lastDay", END_BEFORE_START)
    if entry.last_day and entry.last_day != could_until and entry.last_day < current_practice().today():
        raise Invalid("lastDay", OVER)
    if entry.earliest and entry.latest and entry.latest <= entry.earliest:
        raise Invalid("latest", END_BEFORE_START)
    same = WaitingListEntry.objects.visible_to(by).waiting().filter(patient=entry.patient_id, type=entry.type_id)
    if same.exclude(pk=entry.pk).exists():
        raise Conflict(ON_IT_ALREADY)
    is_new = entry._state.adding
    if not is_new and doctor_ids is not None and _want(entry, doctor_ids):
        entry.count_change()
    entry.save()
    if is_new and doctor_ids is not None:
        _want(entry, doctor_ids)
    return entry


def _lock_type(type_id: UUID) -> AppointmentType:
    """Return the type, which cannot be removed until this transaction ends."""
    kind: AppointmentType = AppointmentType.objects.select_for_update(no_key=True).get_or_refuse(pk=type_id)
    return kind


def _want(entry: WaitingListEntry, doctor_ids: Iterable[UUID]) -> bool:
    """Let them wait for these doctors, and return whether that changes anything."""
    known = {wanted.doctor_id: wanted for wanted in entry.wanted_doctors.all()}
    # who is wanted already may have left: the whole entry may be sent back
    wanted = {doctor_id if doctor_id in known else User.objects.doctor(doctor_id).pk for doctor_id in doctor_ids}
    for doctor_id in sorted(known.keys() - wanted):
        known[doctor_id].delete()
    for doctor_id in sorted(wanted - known.keys()):
        WantedDoctor.objects.create(entry=entry, doctor_id=doctor_id)
    return known.keys() != wanted


def put_back(*, by: User, entry_id: UUID) -> WaitingListEntry:
    """Undo a withdrawal: the patient waits as before, without what was on offer. Raises NotFound, and Conflict if they
    wait for the same by now, or have been booked."""
    with _locked(by, entry_id) as entry:
        if entry.status == WaitingState.BOOKED:
            raise Conflict(BOOKED_ALREADY)
        if entry.status == WaitingState.WITHDRAWN:
            same = WaitingListEntry.objects.visible_to(by).waiting()
            if same.filter(patient=entry.patient_id, type=entry.type_id).exists():
                raise Conflict(ON_IT_ALREADY)
            entry.status = WaitingState.WAITING
            entry.save()
    return entry


def withdraw(*, by: User, entry_id: UUID) -> WaitingListEntry:
    """Take a patient off the list, and what is offered to them back. Raises NotFound, and Conflict for what has been
    booked."""
    with _locked(by, entry_id) as entry:
        if entry.status == WaitingState.BOOKED:
            raise Conflict(BOOKED_ALREADY)
        if entry.status == WaitingState.WAITING:
            _end(entry, WaitingState.WITHDRAWN)
    return entry


def withdraw_all(chart: Patient) -> None:
    """Take a chart that is deleted or declined off the list. The chart is locked."""
    for entry in WaitingListEntry.objects.select_for_update().waiting().filter(patient=chart).order_by("pk"):
        _end(entry, WaitingState.WITHDRAWN)


def _end(entry: WaitingListEntry, status: WaitingState) -> None:
    entry.status = status
    entry.save()
    for offer in entry.offers.open().select_related("hold"):
        _take_back(offer)


# --- Whom a slot suits ------------------------------------------------------------------------------------------------


def matches(
    *, by: User, doctor_id: UUID, date: datetime, minutes: int | None = None, office_id: UUID | None = None
) -> list[WaitingListEntry]:
    """Return who would fit into a slot of this doctor that is `minutes` long, the most urgent first and then who has
    waited longest, at most 50. Days and times of day are those of the office, else of the one where the doctor works
    then. Raises NotFound and Invalid."""
    doctor = User.objects.doctor(doctor_id)
    start = services.start_of(date, doctor, None, by=by, allow_past=True)
    if office_id is None:
        (calendar,) = availability.load_calendars([doctor], start, start)
        office_id = calendar.office_at(start, start + timedelta(minutes=minutes or 0))
    local = start.astimezone(get_timezone_at(office_id))
    usual = current_practice().appointment_minutes
    wanted = WantedDoctor.objects.filter(entry=OuterRef("pk"))
    busy = Appointment.objects.filter(patient=OuterRef("patient"), status=AppointmentStatus.SCHEDULED)
    busy = busy.filter(starts_at__lt=start + timedelta(minutes=minutes or usual), ends_at__gt=start)
    found = (
        WaitingListEntry.objects.visible_to(by)
        .waiting()
        .with_shown()
        .select_related("type")
        .filter(
            Q(first_day=None) | Q(first_day__lte=local.date()),
            Q(last_day=None) | Q(last_day__gte=local.date()),
            Q(earliest=None) | Q(earliest__lte=local.time()),
            Q(type=None) | Q(type__in=AppointmentType.objects.offered_by(doctor.pk).filter(is_active=True)),
            ~Exists(wanted) | Exists(wanted.filter(doctor=doctor)),
            ~Exists(busy),
        )
    )
    on_this_day = found.annotate(day=F("weekdays").bitand(1 << local.weekday())).filter(day__gt=0)
    fitting = (one for one in on_this_day.urgent_first() if _fits(one, local, minutes, usual))
    return list(islice(fitting, MOST_MATCHES))


def _fits(entry: WaitingListEntry, local: datetime, minutes: int | None, usual: int) -> bool:
    length = entry.type.minutes if entry.type else usual
    end = local.replace(tzinfo=None) + timedelta(minutes=length)
    in_time = entry.latest is None or (end.date() == local.date() and end.time() <= entry.latest)
    return in_time and (minutes is None or length <= minutes)


# --- Offers -----------------------------------------------------------------------------------------------------------


def offer(*, by: User, entry_id: UUID, doctor_id: UUID, date: datetime, lasts: int = LASTS) -> SlotOffer:
    """Offer a slot of the length that the patient waits for, and keep it for `lasts` minutes, though not beyond its
    start. Others to whom the same slot is offered share the hold. Raises NotFound, Invalid, and Conflict if the patient
    does not wait any more or the slot is not free."""
    doctor = User.objects.doctor(doctor_id)
    start = services.start_of(date, doctor, None, by=by)
    now = timezone.now()
    if start <= now:
        raise Invalid("date", IN_THE_PAST)
    with services.calendar_lock(doctor_id), context.done_by(by):
        entry = _lock(by, entry_id)
        end = start + services.length_of(entry.type, None, doctor=doctor, by=by)
        expires_at = min(now + timedelta(minutes=lasts), start)
        at_this_time = SlotOffer.objects.open().filter(doctor=doctor, starts_at=start)
        if at_this_time.filter(entry=entry).exists():
            raise Conflict(OFFERED_ALREADY)
        shared = at_this_time.select_related("hold").first()
        held = keep(
            by=by,
            doctor=doctor,
            kind=entry.type,
            start=start,
            end=end,
            expires_at=expires_at,
            extending=shared.hold if shared else None,
        )
        made: SlotOffer = SlotOffer.objects.create(
            entry=entry, hold=held, doctor=doctor, starts_at=start, ends_at=end, expires_at=expires_at
        )
        plan(
            MessageKind.OFFER,
            about=SlotOffer._meta.label,
            about_id=made.pk,
            patient_id=entry.patient_id,
            grace=timedelta(),  # it expires soon
        )
        return made


def accept(*, by: User | None, entry_id: UUID, offer_id: UUID, reason: str = "") -> Appointment:
    """Book what is offered, by the rules that hold for the colleague who keeps it: the practice has chosen the time.
    Without `by` it is accepted by the link in the offer. Raises NotFound, and Conflict if the patient does not wait any
    more, the offer has expired or the slot is somebody else's by now."""
    with _deciding(by, entry_id, offer_id, waiting=True) as entry:
        _book(entry, offer_id, reason=reason, **({"said_by": by} if by else BY_LINK))
        _record(AuditEvent.OFFER_ACCEPTED, entry, by=by)
    return Appointment.objects.with_people().get(pk=entry.appointment_id)


def _book(entry: WaitingListEntry, offer_id: UUID, *, reason: str = "", **who: Any) -> None:
    accepted: SlotOffer = _offers(entry).select_related("hold__held_by").get_or_refuse(pk=offer_id)
    if accepted.hold is None:
        raise Conflict(TAKEN)
    if not accepted.is_open(timezone.now()):
        raise Conflict(EXPIRED)
    entry.appointment = services.book(
        by=accepted.hold.held_by,
        patient_id=entry.patient_id,
        doctor_id=accepted.doctor_id,
        date=accepted.starts_at,
        reason=reason or (entry.type.name if entry.type else str(_("From the waiting list"))),
        type_id=entry.type_id,
        minutes=int((accepted.ends_at - accepted.starts_at).total_seconds()) // 60,
        allow_overlap=False,  # nobody reads a warning
        hold_id=accepted.hold_id,
        **who,
    )
    _end(entry, WaitingState.BOOKED)


def take_back(*, by: User | None, entry_id: UUID, offer_id: UUID) -> WaitingListEntry:
    """Withdraw an offer, or decline one's own; the slot is free again unless it is offered to others, and the patient
    waits as before. Without `by` it is declined by the link in the offer. What is not on offer any more stays so.
    Raises NotFound, and Conflict for a patient who has been booked; by a link also if they do not wait any more."""
    with _deciding(by, entry_id, offer_id, waiting=by is None) as entry:
        offered: SlotOffer = _offers(entry).select_related("hold").get_or_refuse(pk=offer_id)
        if entry.status == WaitingState.BOOKED:
            raise Conflict(BOOKED_ALREADY)
        if offered.hold:
            _take_back(offered)
            _record(AuditEvent.OFFER_WITHDRAWN, entry, by=by)
    return entry


def _record(kind: AuditEvent, entry: WaitingListEntry, *, by: User | None) -> None:
    log.record_about(kind, entry, **(emergency_details(resolve_access(by, [entry.patient])) if by else BY_LINK))


def _offers(entry: WaitingListEntry) -> SlotOfferQuerySet:
    found: SlotOfferQuerySet = SlotOffer.objects.filter(entry=entry)
    return found


def _take_back(offer: SlotOffer) -> None:
    held = offer.hold
    offer.hold = None
    offer.save()
    if held is None:
        return
    left = list(held.offers.open())
    if not left:
        held.delete()
        return
    held.ends_at = max(one.ends_at for one in left)
    held.expires_at = max(one.expires_at for one in left)
    held.save()


# --- Locks ------------------------------------------------------------------------------------------------------------


@contextmanager
def _locked(by: User, entry_id: UUID, *, waiting: bool = False) -> Iterator[WaitingListEntry]:
    """Run the block in one transaction that has the entry, its chart, and before them the calendars of all doctors of
    whom something is offered. Raises NotFound and, with `waiting`, Conflict if the patient does not wait any more."""
    with _calendars_locked(by, entry_id), context.done_by(by):
        yield _lock(by, entry_id, waiting=waiting)


@contextmanager
def _deciding(by: User | None, entry_id: UUID, offer_id: UUID, *, waiting: bool) -> Iterator[WaitingListEntry]:
    """The same for a decision on an offer, also for a patient who is not signed in, which is what the trail says then.
    The rules are those of whoever keeps the time. Raises Conflict, too, if nobody does any more."""
    if by:
        with _locked(by, entry_id, waiting=waiting) as entry:
            yield entry
        return
    held = SlotHold.objects.filter(offers=offer_id).select_related("held_by").first()
    if held is None:
        raise Conflict(TAKEN)
    with _calendars_locked(held.held_by, entry_id):
        yield _lock(held.held_by, entry_id, waiting=waiting)


@contextmanager
def _calendars_locked(by: User, entry_id: UUID) -> Iterator[None]:
    known = WaitingListEntry.objects.visible_to(by).get_or_refuse(pk=entry_id)
    doctors = set(known.offers.values_list("doctor_id", flat=True))
    with services.calendar_lock(*doctors):
        yield


def _lock(by: User, entry_id: UUID, *, waiting: bool = True) -> WaitingListEntry:
    """Return the entry, locked after its chart, which is the order of everything that changes a chart's rows."""
    known = WaitingListEntry.objects.visible_to(by).only("patient_id").get_or_refuse(pk=entry_id)
    lock_chart(by=by, patient_id=known.patient_id)
    entry: WaitingListEntry = (
        WaitingListEntry.objects.select_for_update(of=("self",)).select_related("patient", "type").get(pk=entry_id)
    )
    if waiting and entry.status != WaitingState.WAITING:
        raise Conflict(NOT_WAITING)
    return entry


def weekdays_of(bits: int) -> list[int]:
    """Return the weekdays, Monday's 0, that the bits stand for."""
    return [day for day in range(7) if bits & 1 << day]


def bits_of(weekdays: Iterable[int]) -> int:
    """Return the bits of these weekdays; without any, of all."""
    return sum(1 << day for day in set(weekdays)) or ANY_DAY
