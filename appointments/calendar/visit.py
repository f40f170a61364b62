"""A change of a visit in words, and what undoes it."""

from collections.abc import Set
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from accounts.models import User
from appointments.calendar.page import described
from appointments.models import Appointment, AppointmentStatus, SeriesScope


def get_visit(user: User, visit_id: UUID) -> Appointment:
    visits = Appointment.objects.visible_to(user).with_offices().select_related("patient", "type", "room")
    found: Appointment = visits.get_or_refuse(pk=visit_id)
    return found


def undoing(visit: Appointment, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a ChangeForm that lead back to how the visit is."""
    values = {
        "start": visit.starts_at.isoformat() if "date" in wanted else None,
        "doctor": visit.doctor_id if "doctor_id" in wanted else None,
        "room": (visit.room_id or "") if "room_id" in wanted else None,
        "minutes": visit.minutes if "minutes" in wanted else None,
        "status": visit.status if "status" in wanted else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def what_changed(visit: Appointment, wanted: dict[str, Any], differing: Set[str], scope: str) -> str:
    if scope in (SeriesScope.FOLLOWING, SeriesScope.ALL):
        return _of_series(visit, wanted, scope)
    if wanted.keys() == {"cancel_reason"}:
        sentence = gettext("Cancelled: %(patient)s with %(doctor)s, %(time)s. Reason: %(reason)s")
    elif wanted.get("status") == AppointmentStatus.CANCELLED:
        sentence = gettext("Cancelled: %(patient)s with %(doctor)s, %(time)s")
    elif "status" in wanted:
        sentence = gettext("Booked again: %(patient)s with %(doctor)s, %(time)s")
    elif differing == {"room_id"}:
        sentence = gettext("%(patient)s with %(doctor)s, %(time)s: now in room %(room)s")
        sentence = sentence if visit.room else gettext("%(patient)s with %(doctor)s, %(time)s: now without a room")
    elif differing == {"minutes"}:
        sentence = gettext("%(patient)s with %(doctor)s, %(time)s: now %(minutes)s minutes")
    else:
        sentence = gettext("Moved %(patient)s to %(doctor)s, %(time)s")
    return sentence % described(visit)


def _of_series(visit: Appointment, wanted: dict[str, Any], scope: str) -> str:
    is_all = scope == SeriesScope.ALL
    if wanted.get("status") == AppointmentStatus.CANCELLED:
        sentence = gettext("Cancelled: %(patient)s with %(doctor)s, %(time)s, and the following visits")
        sentence = gettext("Cancelled: all coming visits of this series of %(patient)s") if is_all else sentence
    else:
        sentence = gettext("Changed: %(patient)s with %(doctor)s, %(time)s, and the following visits")
        sentence = gettext("Changed: all coming visits of this series of %(patient)s") if is_all else sentence
    return sentence % described(visit)
