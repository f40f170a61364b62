"""What has to be filled in and signed before a visit: the calendar's panel says so, and My day."""

from accounts.models import User
from appointments.calendar.due import register_due
from appointments.models import Appointment
from appointments.visits.machine import VisitState, state_of
from core.errors import Sentence
from core.permissions import Permission
from records.forms.services import describe_needed, missing_before

OVER = (VisitState.CANCELLED, VisitState.NO_SHOW)


@register_due
def forms_are_missing(by: User, visit: Appointment) -> Sentence:
    if not by.can(Permission.ASK_FOR_FORMS) or state_of(visit) in OVER:
        return ""
    return describe_needed(missing_before([visit]).get(visit.pk, ()))
