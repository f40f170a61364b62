"""Two people change the same appointment. Whoever says which version they have read is refused with the current state
if it is another by now. The contract's clients send no version: a field is refused that somebody else has written since
the caller last saw the appointment, which the audit trail knows (docs/adr/0031)."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment
from appointments.serializers import AppointmentShape
from audit import queries
from core.errors import CHANGED_MEANWHILE, StaleVersion
from patients.restriction.services import resolve_access


def check_not_stale(appointment: Appointment, *, by: User, expected: int | None, fields: Iterable[str]) -> None:
    """Raise StaleVersion, with the current state, if `by` has not seen what they are about to overwrite: another
    version than `expected`, or without one any of these `fields`. The appointment is locked."""
    seen = appointment.version == expected if expected is not None else _has_seen(appointment, by, fields)
    if not seen:
        resolve_access(by, [appointment.patient])
        raise StaleVersion(CHANGED_MEANWHILE, current=AppointmentShape.for_user(by, appointment))


def _has_seen(appointment: Appointment, by: User, fields: Iterable[str]) -> bool:
    writes = [appointment.last_writes[name] for name in fields if name in appointment.last_writes]
    of_others = [datetime.fromisoformat(write["at"]) for write in writes if write["by"] != str(by.pk)]
    return not of_others or queries.has_seen(
        practice_id=appointment.practice_id,
        user_id=by.pk,
        patient_id=appointment.patient_id,
        about=Appointment._meta.label,
        about_id=appointment.pk,
        since=max(of_others),
    )


def note_writes(appointment: Appointment, *, by: User | None, fields: Iterable[str], of_series: bool = False) -> None:
    """Count the change and note who wrote these fields, and whether with others of its series; the caller saves the
    appointment."""
    who = str(by.pk) if by else ""  # a patient who is not signed in
    write = {"by": who, "at": timezone.now().isoformat(), **({"of_series": True} if of_series else {})}
    appointment.last_writes = {**appointment.last_writes, **dict.fromkeys(fields, write)}
    appointment.version += 1


def own_writes(appointment: Appointment) -> set[str]:
    """Return the fields that were changed in this appointment alone, and not with others of its series."""
    return {name for name, write in appointment.last_writes.items() if "of_series" not in write}
