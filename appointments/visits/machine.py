"""What may happen to a visit, and what may follow what: a table, and the moments that each action sets.

The state follows from the visit's status and moments and is stored nowhere. A no-show keeps its slot: it is said once
the visit has begun, so that its time is past or nearly so, and somebody who comes twenty minutes late finds it still
theirs. Who needs the rest of the time cancels the visit too; it still counts as a no-show.
"""

from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import booking_rules
from appointments.models import Appointment, AppointmentStatus, CancelReason
from appointments.time_rules import CANCELLED, STILL_TO_COME, is_later_day
from core.errors import Conflict, Forbidden, Invalid, Sentence

NOT_TODAY = _("This appointment is on a later day.")
NOT_BEGUN = _("This appointment has not begun yet.")
HAS_BEGUN = _("This appointment has begun already, so there is nothing to confirm.")
NOTHING_TO_UNDO = _("Nothing to undo.")
BOOK_ANEW = _("The patient didn't come to this appointment. Book another one, or undo the no-show first.")
ONLY_CANCELLED = _("Only a cancelled appointment has a reason why.")
NOT_YOURS = _("You can't give this reason.")


class VisitState(StrEnum):
    """The last thing that happened to a visit."""

    BOOKED = "booked"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    STARTED = "started"
    FINISHED = "finished"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"


class Action(StrEnum):
    CONFIRM = "confirm"
    ARRIVE = "arrive"
    START = "start"
    FINISH = "finish"
    NO_SHOW = "no-show"
    CANCEL = "cancel"
    REOPEN = "reopen"
    UNDO = "undo"


S, A = VisitState, Action
TO_COME = {S.BOOKED, S.CONFIRMED}
CAME = {S.ARRIVED, S.STARTED, S.FINISHED}
MAY_FOLLOW: dict[Action, set[VisitState]] = {
    A.CONFIRM: {S.BOOKED},
    A.ARRIVE: {*TO_COME, S.NO_SHOW},  # late, but here
    A.START: {*TO_COME, S.NO_SHOW, S.ARRIVED},
    A.FINISH: {*TO_COME, S.NO_SHOW, S.ARRIVED, S.STARTED},
    A.NO_SHOW: TO_COME,
    A.CANCEL: set(S) - {S.CANCELLED},
    A.REOPEN: {S.FINISHED, S.CANCELLED},
    A.UNDO: set(S) - {S.BOOKED},
}
MOMENTS = {
    A.CONFIRM: "confirmed_at",
    A.ARRIVE: "arrived_at",
    A.START: "started_at",
    A.FINISH: "finished_at",
    A.NO_SHOW: "no_show_at",
    A.CANCEL: "cancelled_at",
}
OF_STATUS = {  # what a new status means
    AppointmentStatus.SCHEDULED: A.REOPEN,
    AppointmentStatus.COMPLETED: A.FINISH,
    AppointmentStatus.CANCELLED: A.CANCEL,
}
REFUSALS: dict[VisitState, Sentence] = {
    S.BOOKED: NOTHING_TO_UNDO,
    S.CONFIRMED: NOTHING_TO_UNDO,
    S.ARRIVED: _("The patient has arrived already."),
    S.STARTED: _("This appointment has started already."),
    S.FINISHED: _("This appointment is completed already."),
    S.NO_SHOW: _("The patient didn't come to this appointment. Undo the no-show first."),
    S.CANCELLED: CANCELLED,
}
REASONS_OF_PRACTICE = {CancelReason.PRACTICE, CancelReason.DOCTOR_AWAY}
REASONS_OF_PATIENTS = set(CancelReason) - REASONS_OF_PRACTICE
NOT_CANCELLED = {"cancelled_at": None, "cancelled_late": None, "cancel_reason": ""}


def state_of(visit: Appointment) -> VisitState:
    if visit.status == AppointmentStatus.CANCELLED:
        return S.CANCELLED
    if visit.status == AppointmentStatus.COMPLETED:
        return S.FINISHED
    moments = ((S.NO_SHOW, visit.no_show_at), (S.STARTED, visit.started_at), (S.ARRIVED, visit.arrived_at))
    return next((state for state, at in moments if at), S.CONFIRMED if visit.confirmed_at else S.BOOKED)


def is_done(action: Action, visit: Appointment) -> bool:
    """Return whether this has happened already and still holds: to say it again changes nothing."""
    state = state_of(visit)
    if action not in MOMENTS or state == S.CANCELLED:
        return action == A.CANCEL and state == S.CANCELLED
    return getattr(visit, MOMENTS[action]) is not None or (action == A.FINISH and state == S.FINISHED)


def seen_before(action: Action | None) -> set[str]:
    """Return the columns that somebody must have seen as they are before they do this: nobody undoes what they don't
    know of, or cancels the visit of a patient who has arrived."""
    if action == A.UNDO:
        return {"status", *MOMENTS.values()}
    return {"arrived_at", "started_at", "no_show_at"} if action in (A.CANCEL, A.REOPEN) else set()


def check(action: Action, visit: Appointment) -> None:
    """Raise Conflict if this may not happen to the visit as it is, or not at this time."""
    state = state_of(visit)
    if state not in MAY_FOLLOW[action]:
        raise Conflict(REFUSALS[state])
    if action == A.CONFIRM and visit.starts_at <= timezone.now():
        raise Conflict(HAS_BEGUN)
    if action in (A.ARRIVE, A.START, A.FINISH) and is_later_day(visit.starts_at):
        raise Conflict(STILL_TO_COME if action == A.FINISH else NOT_TODAY)
    if action == A.NO_SHOW and visit.starts_at > timezone.now():
        raise Conflict(NOT_BEGUN)


def may_follow(visit: Appointment) -> set[Action]:
    """Return what may happen to the visit now."""

    def is_possible(action: Action) -> bool:
        try:
            check(action, visit)
        except Conflict:
            return False
        return True

    return {action for action in Action if is_possible(action)}


def after_move(visit: Appointment) -> None:
    """Take back the confirmation, which was of another time. Raises Invalid if the time to which the visit was moved
    contradicts what happened to it."""
    state = state_of(visit)
    if state == S.CONFIRMED:
        visit.confirmed_at = None
    if state in CAME and is_later_day(visit.starts_at):
        raise Invalid("date", REFUSALS[state])
    if state == S.NO_SHOW and visit.starts_at > timezone.now():
        raise Invalid("date", BOOK_ANEW)


def effects(action: Action, visit: Appointment, *, by: User | None, reason: str = "") -> dict[str, Any]:
    """Return the values that the visit gets by it. `reason` is a CancelReason; without a `by` it is the patient."""
    now = timezone.now()
    if action == A.UNDO:
        return _undone(visit)
    if action == A.REOPEN:
        return {"status": AppointmentStatus.SCHEDULED, "finished_at": None, **NOT_CANCELLED}
    if action == A.CANCEL:
        reason = reason or (CancelReason.PATIENT_ASKED if by is None or booking_rules.is_patient(by) else "")
        late = booking_rules.is_late(visit.starts_at)
        cancelled = {"cancelled_at": now, "cancelled_late": late, "cancel_reason": reason}
        return {"status": AppointmentStatus.CANCELLED, **cancelled}
    happened: dict[str, Any] = {MOMENTS[action]: now}
    if action in (A.ARRIVE, A.START, A.FINISH):
        happened["no_show_at"] = None
    if action == A.FINISH:
        happened["status"] = AppointmentStatus.COMPLETED
    return happened


def _undone(visit: Appointment) -> dict[str, Any]:
    """Return the values of the visit before the last thing that happened to it."""
    state = state_of(visit)
    if state == S.CANCELLED:
        before = AppointmentStatus.COMPLETED if visit.finished_at else AppointmentStatus.SCHEDULED
        return {"status": before, **NOT_CANCELLED}
    if state == S.FINISHED:
        return {"status": AppointmentStatus.SCHEDULED, "finished_at": None}
    return {f"{state}_at": None}


def check_reason(reason: str, status: str, *, by: User) -> None:
    """Raise Invalid for the reason of a visit that is not cancelled, and Forbidden for one that only the practice can
    have."""
    if status != AppointmentStatus.CANCELLED:
        raise Invalid("cancelReason", ONLY_CANCELLED)
    if booking_rules.is_patient(by) and reason not in REASONS_OF_PATIENTS:
        raise Forbidden(NOT_YOURS)
