"""What other apps' changes mean for the calendar, in the same transaction: the upcoming appointments of a declined
registration are cancelled, and it is taken off the waiting list; once two charts are one, it says which visits are at
the same time; in another time zone, no working hours may overlap."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from appointments import booking_rules
from appointments.messages import planning
from appointments.models import (
    Appointment,
    AppointmentStatus,
    CancelReason,
    EventKind,
    ExceptionKind,
    ScheduleException,
)
from appointments.schedule.services import check_no_hours_overlap
from appointments.visits import history
from appointments.waiting_list.services import withdraw_all
from core.formats import format_local_datetime
from patients.chart_rows import charts_joined
from patients.models import Patient
from patients.registrations.services import registration_declined
from patients.restriction import two_people
from practices.services import office_changed, practice_changed


def is_away(doctor: User) -> bool:
    """Return whether the doctor's time off, or the whole practice's, covers this moment."""
    now = timezone.now()
    off = ScheduleException.objects.filter(kind=ExceptionKind.OFF, office=None, starts_at__lte=now, ends_at__gt=now)
    return off.filter(Q(doctor=doctor) | Q(doctor=None)).exists()


two_people.ABSENCE_CHECKS.append(is_away)


@receiver(registration_declined)
def cancel_upcoming(*, chart: Patient, by: User, **kwargs: Any) -> None:
    now = timezone.now()
    upcoming = Appointment.objects.filter(patient=chart, status=AppointmentStatus.SCHEDULED, starts_at__gte=now)
    visits = list(upcoming.order_by("pk"))
    late = When(starts_at__lt=booking_rules.late_before(now), then=Value(True))
    upcoming.update(
        status=AppointmentStatus.CANCELLED,
        cancelled_at=now,
        cancelled_late=Case(late, default=Value(False)),
        cancel_reason=CancelReason.PRACTICE,
        version=F("version") + 1,
    )
    for visit in visits:
        said = planning.says_of(visit)
        visit.status, visit.version = AppointmentStatus.CANCELLED, visit.version + 1
        history.record(visit, by=by, what=EventKind.CANCELLED)
        planning.follow(visit, said_before=said)
    withdraw_all(chart)


@receiver(charts_joined)
def find_visits_at_the_same_time(*, charts: Iterable[Patient], **kwargs: Any) -> list[str]:
    """Return a sentence for each two upcoming visits that overlap: in two charts, nobody was warned of that."""
    upcoming = Appointment.objects.filter(
        patient__in=charts, status=AppointmentStatus.SCHEDULED, ends_at__gt=timezone.now()
    )
    visits = upcoming.select_related("doctor__office", "office").order_by("starts_at", "pk")
    return [
        _("This patient has two visits at the same time: %(first)s and %(second)s.")
        % {"first": _with_doctor(one), "second": _with_doctor(other)}
        for one, other in pairwise(visits)
        if other.starts_at < one.ends_at
    ]


def _with_doctor(visit: Appointment) -> str:
    moment, doctor = format_local_datetime(visit, visit.starts_at), visit.doctor.name
    return _("%(moment)s with %(doctor)s") % {"moment": moment, "doctor": doctor}


@receiver([practice_changed, office_changed])
def recheck_hours(*, changed: set[str], **kwargs: Any) -> None:
    if "timezone" in changed:
        check_no_hours_overlap()
