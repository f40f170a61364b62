"""Holds: a slot is kept while somebody fills a form, or while it is offered (docs/adr/0040).

Every booking, move and hold of a doctor's time queues on the doctor's calendar (`calendar_lock`), so that whether it is
free is asked and answered there. That two visits never overlap, the database sees to whatever happens here."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import booking_rules, services
from appointments.models import Appointment, AppointmentStatus, AppointmentType, SlotHold
from appointments.models.hold import SlotHoldQuerySet
from appointments.schedule import availability
from audit import context
from core.database.locks import take_lock
from core.errors import Conflict
from patients.models import Patient
from practices.services import get_office

LASTS = timedelta(minutes=3)
MOST = 3  # of one person at a time
OUTDATED = timedelta(days=1)
TOO_MANY = _("You're holding three times already. Book or release one of them first.")


def hold(
    *,
    by: User,
    doctor_id: UUID,
    date: datetime,
    type_id: UUID | None = None,
    minutes: int | None = None,
    office_id: UUID | None = None,
    hold_id: UUID | None = None,
) -> SlotHold:
    """Keep a slot for `by` for three minutes. With `hold_id`, one that `by` has keeps this slot from now on instead of
    its own, or for three minutes more. Raises NotFound, Forbidden, Invalid and Conflict as booking it would, and
    Conflict if `by` holds as many as anybody may."""
    doctor = User.objects.doctor(doctor_id)
    date = services.start_of(date, doctor, office_id, by=by)
    with services.calendar_lock(doctor_id), context.done_by(by):
        kind = availability.get_bookable_type(by, type_id)
        length = services.length_of(kind, minutes, doctor=doctor, by=by)
        booking_rules.check_policy(by, date)
        _check_may_book(by, doctor_id, date, date + length)
        office_id = get_office(office_id).pk if office_id else None
        take_lock(f"holds {by.pk}")  # two of one person at once, of different doctors, queue here
        held = _own(by).filter(pk=hold_id).first() if hold_id else None
        if held is None:
            _check_number(by)
            held = SlotHold(held_by=by)
        held.doctor, held.type, held.starts_at, held.ends_at = doctor, kind, date, date + length
        return keep(
            by=by,
            doctor=doctor,
            kind=kind,
            start=date,
            end=date + length,
            office_id=office_id,
            expires_at=timezone.now() + LASTS,
            extending=held,
        )


def find_own(*, by: User, doctor_id: UUID, moment: datetime, hold_id: UUID | None = None) -> SlotHold | None:
    """Return this hold of theirs, else the one that keeps this moment for them already: the form in which it was made
    may be gone."""
    own = _own(by)
    same = own.live().filter(doctor=doctor_id, starts_at__lte=moment, ends_at__gt=moment)
    return (own.filter(pk=hold_id).first() if hold_id else None) or same.order_by("-expires_at").first()


def drop(*, by: User, hold_id: UUID | None) -> None:
    """Release the slot if it is still theirs: whoever closes a form does not mind if it is gone already."""
    with context.done_by(by), transaction.atomic():
        for held in _own(by).filter(pk=hold_id):
            held.delete()


def _check_may_book(by: User, doctor_id: UUID, start: datetime, end: datetime) -> None:
    """Raise Conflict or Forbidden if a patient could not book this: nobody keeps what they can't have."""
    chart = Patient.objects.filter(user=by).first() if booking_rules.is_patient(by) else None
    if chart:
        booking_rules.check_own_bookings(by, chart)
        visit = Appointment(patient=chart, doctor_id=doctor_id, starts_at=start, ends_at=end)
        booking_rules.check_patient_is_free(visit, sentence=booking_rules.ELSEWHERE_YOURSELF)


def _check_number(by: User) -> None:
    """Raise Conflict if `by` holds enough, and remove what has long expired."""
    own = _own(by)
    own.filter(expires_at__lt=timezone.now() - OUTDATED).delete()
    if own.live().count() >= MOST:
        raise Conflict(TOO_MANY)


@transaction.atomic
def remove_expired() -> None:
    """Remove the practice's holds that have long expired, also those of people who hold nothing any more."""
    SlotHold.objects.filter(offers=None, expires_at__lt=timezone.now() - OUTDATED).delete()


def keep(
    *,
    by: User,
    doctor: User,
    kind: AppointmentType | None,
    start: datetime,
    end: datetime,
    expires_at: datetime,
    office_id: UUID | None = None,
    extending: SlotHold | None = None,
) -> SlotHold:
    """Keep the time if it is free, by a new hold or by `extending` one that begins then. Raises Conflict. Call this
    with the doctor's calendar locked."""
    held = extending or SlotHold(doctor=doctor, type=kind, held_by=by, starts_at=start, ends_at=end)
    visit = Appointment(doctor=doctor, type=kind, starts_at=start, ends_at=end)
    held.warnings = availability.place(visit, kind, by=by, office_id=office_id, hold_id=held.pk)
    visits = Appointment.objects.filter(doctor=doctor, status=AppointmentStatus.SCHEDULED)
    if visits.filter(starts_at__lt=end, ends_at__gt=start).exists():
        raise Conflict(services.TAKEN)
    held.ends_at, held.expires_at = max(held.ends_at, end), max(held.expires_at or expires_at, expires_at)
    held.save()
    return held


def release(*, by: User, hold_id: UUID) -> None:
    """Let others have the slot again. Raises NotFound, also for somebody else's hold."""
    held: SlotHold = _own(by).get_or_refuse(pk=hold_id)
    with context.done_by(by):
        held.delete()


def _own(by: User) -> SlotHoldQuerySet:
    """Return what `by` holds for a form, and not for whom it is offered to."""
    found: SlotHoldQuerySet = SlotHold.objects.filter(held_by=by, offers=None)
    return found
