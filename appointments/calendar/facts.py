"""What happened to a visit, in the calendar's words, and what may be said of it next."""

from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar.due import register_due, what_is_due
from appointments.calendar.forms import STATUS_ACTIONS
from appointments.models import Appointment
from appointments.visits.machine import Action, VisitState, may_follow, state_of
from core.errors import Sentence
from core.formats import format_time

WORDS: dict[VisitState, Sentence] = {
    VisitState.BOOKED: "",
    VisitState.CONFIRMED: _("confirmed"),
    VisitState.ARRIVED: _("here"),
    VisitState.STARTED: _("in progress"),
    VisitState.FINISHED: _("done"),
    VisitState.NO_SHOW: _("no-show"),
    VisitState.CANCELLED: _("cancelled"),
}
LABELS: dict[Action, Sentence] = {
    Action.CONFIRM: _("Confirmed"),
    Action.ARRIVE: _("Arrived (A)"),
    Action.START: _("In progress"),
    Action.FINISH: _("Done"),
    Action.NO_SHOW: _("No-show"),
}
USUALLY_NEXT = {
    VisitState.BOOKED: Action.ARRIVE,
    VisitState.CONFIRMED: Action.ARRIVE,
    VisitState.ARRIVED: Action.START,
    VisitState.STARTED: Action.FINISH,
}


def describe(visit: Appointment, zone: ZoneInfo) -> str:
    """Return `here since 10:05 AM`; nothing for a visit of which nothing has been said yet."""
    state = state_of(visit)
    if state == VisitState.ARRIVED and visit.arrived_at:
        time = format_time(visit.arrived_at.astimezone(zone).time())
        return gettext("here since %(time)s") % {"time": time}
    return str(WORDS[state])


def describe_alone(visit: Appointment, zone: ZoneInfo) -> str:
    """Return `Cancelled: The patient is ill`, which stands by itself; `Scheduled` for a visit of which nothing has been
    said yet."""
    said = ": ".join(text for text in (describe(visit, zone), visit.get_cancel_reason_display()) if text)
    return capfirst(said or str(visit.get_status_display()))


@register_due
def confirmation_is_missing(_user: User, visit: Appointment) -> Sentence:
    is_booked = state_of(visit) == VisitState.BOOKED
    return _("Not confirmed yet") if is_booked and visit.starts_at > timezone.now() else ""


def of_panel(by: User, visit: Appointment) -> dict[str, Any]:
    """Return what the panel says of the visit, and a button for each thing that may be said next."""
    state, possible = state_of(visit), may_follow(visit)
    said = [action for action in STATUS_ACTIONS if action in possible and action in LABELS]
    return {
        "state": state,
        "said": describe(visit, visit.tzinfo),
        "due": what_is_due(by, visit),
        "actions": [(action.value, LABELS[action], action == USUALLY_NEXT.get(state)) for action in said],
        "may_undo": Action.UNDO in possible and state != VisitState.CANCELLED,  # that is booked again
    }
