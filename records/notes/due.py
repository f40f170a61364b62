"""A visit that is over needs a note: the calendar's panel says so."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar.due import register_due
from appointments.models import Appointment
from appointments.visits.machine import State, state_of
from core.errors import Sentence
from core.permissions import Permission
from records.models import SessionNote

NO_NOTE = _("No note yet")


@register_due
def note_is_missing(by: User, visit: Appointment) -> Sentence:
    if state_of(visit) != State.FINISHED or not by.can(Permission.READ_RECORDS):
        return ""
    return "" if SessionNote.objects.filter(appointment=visit).exists() else NO_NOTE
