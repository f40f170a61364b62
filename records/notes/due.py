"""A visit that is over needs a note: the calendar's panel says so, and the doctor's Today."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar.due import register_due
from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus
from appointments.visits.machine import VisitState, state_of
from core.errors import Sentence
from core.permissions import Permission
from records.models import SessionNote

NO_NOTE = _("No note yet")


@register_due
def note_is_missing(by: User, visit: Appointment) -> Sentence:
    if state_of(visit) != VisitState.FINISHED or not by.can(Permission.READ_RECORDS):
        return ""
    return "" if SessionNote.objects.filter(appointment=visit).exists() else NO_NOTE


def visits_without_note(doctor: User, *, since: datetime) -> AppointmentQuerySet:
    """Return the doctor's visits that are over, or have begun, and have no note, latest first."""
    seen = Q(status=AppointmentStatus.COMPLETED) | Q(status=AppointmentStatus.SCHEDULED, started_at__isnull=False)
    visits = Appointment.objects.visible_to(doctor).filter(seen, doctor=doctor, starts_at__gte=since)
    return without_note(visits).order_by("-starts_at", "-id")


def without_note(visits: AppointmentQuerySet) -> AppointmentQuerySet:
    found: AppointmentQuerySet = visits.exclude(Exists(SessionNote.objects.filter(appointment=OuterRef("pk"))))
    return found
