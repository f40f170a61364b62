"""What may be booked: no patient is in two places at once, and a patient's own account books within the practice's
bounds. That no doctor is in two places, the database sees to.

Call these with the chart locked, so that of two bookings at once the second sees the first."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus
from appointments.models.appointment_type import LONGEST
from appointments.time_rules import LATEST
from core.errors import Conflict, Forbidden, Sentence
from core.formats import format_day
from core.permissions import Permission
from core.tenancy.compiled import CompiledQuery
from patients.models import ChartStatus, Patient
from practices.services import current_practice

BOOKINGS_BEFORE_CONFIRMATION = 2
BOOKED_ENOUGH = _("You can't book more appointments online. Please contact the practice to book another one.")
TOO_SOON = _("This is too soon to book online. Please choose a later time or contact the practice.")
TOO_LATE = _("It's too late to move or cancel this online. Please contact the practice.")
ELSEWHERE = _("The patient has another appointment at this time.")
ROOM_TAKEN = _("The room is taken at this time.")
ANOTHER_VISIT = _("the patient has another visit then")
ELSEWHERE_YOURSELF = _("You have another appointment at this time.")


def check_own_bookings(by: User, patient: Patient) -> None:
    """Raise Conflict if a patient has booked as much as their account may, and Forbidden for an unconfirmed
    registration sooner, since anyone can register, and could fill the calendar."""
    if not is_patient(by):
        return
    scheduled = Appointment.objects.filter(patient=patient, status=AppointmentStatus.SCHEDULED)
    if patient.status == ChartStatus.PENDING and scheduled.count() >= BOOKINGS_BEFORE_CONFIRMATION:
        raise Forbidden(_("The practice has to confirm your registration before you can book more appointments."))
    if scheduled.filter(starts_at__gte=timezone.now()).count() >= current_practice().max_upcoming_appointments:
        raise Conflict(BOOKED_ENOUGH)


def check_policy(by: User, start: datetime) -> None:
    """Raise Conflict if this is sooner or further ahead than patients may book by themselves."""
    if not is_patient(by):
        return
    if start < earliest(by):
        raise Conflict(TOO_SOON)
    if start >= (end := latest(by)):
        last_day = (end - timedelta(seconds=1)).astimezone(current_practice().tzinfo)
        raise Conflict(_("You can book up to %(day)s.") % {"day": format_day(last_day.date())})


def check_cancellation(by: User, appointment: Appointment) -> None:
    """Raise Conflict if it is too late for a patient to move or cancel this by themselves."""
    if is_patient(by) and is_late(appointment.starts_at):
        raise Conflict(TOO_LATE)


def is_late(start: datetime) -> bool:
    """Return whether it is late, as the practice sees it, to cancel a visit of this time."""
    return start < late_before(timezone.now())


def late_before(now: datetime) -> datetime:
    """Return when the first visit starts that can still be cancelled in time."""
    return now + timedelta(hours=current_practice().cancellation_hours)


def earliest(by: User) -> datetime:
    """Return from when on `by` may book; staff find free times from now on."""
    now = timezone.now()
    if not is_patient(by):
        return now
    practice = current_practice()
    notice = now + timedelta(hours=practice.booking_notice_hours)
    return notice if practice.same_day_booking else max(notice, practice.day_bounds(practice.today())[1])


def latest(by: User) -> datetime:
    """Return until when (exclusive) `by` may book; for staff, as far as there are dates."""
    if not is_patient(by):
        return LATEST
    practice = current_practice()
    return practice.day_bounds(months_later(practice.today(), practice.booking_months_ahead))[1]


def check_overlap(
    appointment: Appointment,
    *,
    by: User,
    allow_overlap: bool | None,
    is_elsewhere: Callable[[], bool] | None = None,
) -> list[Sentence]:
    """Return what the practice's people are to know of a patient who is with another doctor then; they may say that it
    is meant (True), or that it is not (False). The caller may have asked `is_elsewhere` already. Raises Conflict for a
    patient, and if it is not meant, and Forbidden for a patient who means it."""
    if allow_overlap and is_patient(by):
        raise Forbidden(_("Only the practice can book two appointments at the same time."))
    found = (is_elsewhere or prefetch_is_elsewhere(appointment))()
    if found and (is_patient(by) or allow_overlap is False):
        raise Conflict(ELSEWHERE_YOURSELF if is_patient(by) else ELSEWHERE)
    return [ANOTHER_VISIT] if found else []


def check_patient_is_free(appointment: Appointment, *, sentence: Sentence = ELSEWHERE) -> None:
    """Raise Conflict if the appointment is to take place while its patient is with another doctor. That its own doctor
    is free, the database sees to."""
    if prefetch_is_elsewhere(appointment)():
        raise Conflict(sentence)


def check_restorable(appointment: Appointment) -> None:
    """Raise Conflict if its patient is with another doctor then, or its room is taken."""
    check_patient_is_free(appointment)
    if is_room_taken(appointment):
        raise Conflict(ROOM_TAKEN)


def is_room_taken(appointment: Appointment) -> bool:
    """Return whether another visit has its room then."""
    room_id = appointment.room_id
    return room_id is not None and bool(_overlapping(appointment).filter(room=room_id).exists())


def prefetch_is_elsewhere(appointment: Appointment) -> Callable[[], bool]:
    """Ask whether the patient is with another doctor then, and return what says so: within `sent_together`, the
    question may travel with others."""
    if appointment.status != AppointmentStatus.SCHEDULED:
        return lambda: False
    sent: Callable[[], list[Any]] = _elsewhere(
        None,
        pk=appointment.pk,
        patient_id=appointment.patient_id,
        doctor_id=appointment.doctor_id,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        earliest=appointment.starts_at - timedelta(minutes=LONGEST),
    ).sent()
    return lambda: sent() != []


@CompiledQuery
def _elsewhere(
    person: None,
    *,
    pk: UUID,
    patient_id: UUID,
    doctor_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    earliest: datetime,
) -> Any:
    """Find the patient's other visits at the same time, with other doctors."""
    others = _visits_at(starts_at, ends_at).filter(patient=patient_id, starts_at__gt=earliest)
    others = others.exclude(pk=pk).exclude(doctor=doctor_id)
    return others.order_by().values_list("pk")


def _overlapping(appointment: Appointment) -> AppointmentQuerySet:
    """Return the other scheduled appointments at its time; none, if it is not scheduled itself."""
    if appointment.status != AppointmentStatus.SCHEDULED:
        return Appointment.objects.none()
    return _visits_at(appointment.starts_at, appointment.ends_at).exclude(pk=appointment.pk)


def _visits_at(starts_at: datetime, ends_at: datetime) -> AppointmentQuerySet:
    visits: AppointmentQuerySet = Appointment.objects.filter(status=AppointmentStatus.SCHEDULED)
    return visits.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)


def is_patient(by: User) -> bool:
    return by.can(Permission.BOOK_OWN)


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of a shorter month."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
