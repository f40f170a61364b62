"""The history of a visit: one entry for each change, written in its transaction."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count

from accounts.models import User
from appointments.models import Appointment, AppointmentEvent, EventKind
from appointments.visits.machine import Action, state_of
from patients.models import Patient

KINDS = {
    Action.CONFIRM: EventKind.CONFIRMED,
    Action.ARRIVE: EventKind.ARRIVED,
    Action.START: EventKind.STARTED,
    Action.FINISH: EventKind.FINISHED,
    Action.NO_SHOW: EventKind.NO_SHOW,
    Action.CANCEL: EventKind.CANCELLED,
    Action.REOPEN: EventKind.REOPENED,
    Action.UNDO: EventKind.UNDONE,
}
TEXTS = {"reason": "reason", "notes": "notes", "cancel_reason": "cancelReason"}  # of these, only that they changed


class Change:
    """What a change does to a visit: make one before it, and `record` it after."""

    def __init__(self, visit: Appointment) -> None:
        self._visit, self._state, self._place = visit, state_of(visit), _place(visit)

    def record(self, *, by: User | None, action: Action | None, fields: Iterable[str], via: str = "") -> None:
        """`fields` are the columns that `by` wanted to change; `via` is how a patient said it who wasn't signed in."""
        after = _place(self._visit)
        moved = {name: {"from": was, "to": after[name]} for name, was in self._place.items() if after[name] != was}
        details: dict[str, Any] = {"moved": moved} if moved else {}
        if texts := [TEXTS[name] for name in fields if name in TEXTS]:
            details["fields"] = texts
        if action == Action.UNDO:
            details["undone"] = self._state.value
        if via:
            details["via"] = via
        if action == Action.CANCEL:
            details["late"] = self._visit.cancelled_late
        record(self._visit, by=by, what=KINDS[action] if action else _kind(moved), **details)


def record(visit: Appointment, *, by: User | None, what: EventKind, **details: Any) -> None:
    """Add an entry; `details` are ids, moments and names of fields."""
    AppointmentEvent.objects.create(appointment=visit, by=by, what=what, details=details)


def record_booked(visit: Appointment, *, by: User, via: str = "") -> None:
    """Add that it was booked: by this person or, with `via`, by the patient, who was not signed in."""
    if via:
        record(visit, by=None, what=EventKind.BOOKED, via=via)
    else:
        record(visit, by=by, what=EventKind.BOOKED)


def record_many(visits: Iterable[Appointment], *, by: User | None, what: EventKind) -> None:
    """Add the same entry for many visits."""
    AppointmentEvent.objects.bulk_create([AppointmentEvent(appointment=visit, by=by, what=what) for visit in visits])


def did(by: User, what: EventKind, visit: Appointment) -> bool:
    """Return whether it was this person who last did this to the visit."""
    last = visit.events.filter(what=what).order_by("-id").values_list("by_id", flat=True).first()
    return last is not None and last == by.pk


def _kind(moved: dict[str, Any]) -> EventKind:
    return EventKind.MOVED if moved else EventKind.EDITED


def _place(visit: Appointment) -> dict[str, str | None]:
    """Return when, where and with whom the visit takes place, as it is stored in an entry."""
    ids = {
        "doctorId": visit.doctor_id,
        "officeId": visit.office_id,
        "roomId": visit.room_id,
        "typeId": visit.type_id,
    }
    moments = {"date": visit.starts_at.isoformat(), "endsAt": visit.ends_at.isoformat()}
    return {**moments, **{name: None if pk is None else str(pk) for name, pk in ids.items()}}


def no_shows_of(patient: Patient) -> int:
    """Return how often the patient didn't come."""
    return count_no_shows([patient.pk]).get(patient.pk, 0)


def count_no_shows(patient_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return how often each of these patients didn't come; those who always came are not in it."""
    missed = Appointment.objects.filter(patient__in=set(patient_ids)).exclude(no_show_at=None)
    return dict(missed.order_by().values_list("patient").annotate(Count("pk")))
