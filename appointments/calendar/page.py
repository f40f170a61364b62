"""What the pages of the calendar have in common: who may open them, and what they say."""

from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_htmx.http import trigger_client_event

from appointments.calendar.links import visit_address
from appointments.models import Appointment, AppointmentStatus
from core import pages
from core.formats import format_moment, zone_label
from core.permissions import Permission

message_response = partial(pages.message_response, template="appointments/calendar/message.html")


class CalendarPage(pages.WorkPage):
    """Only who works with the practice's appointments may open it."""

    needs = Permission.CHANGE_APPOINTMENTS
    about = Appointment._meta.label


def changed_page(
    request: HttpRequest, sentence: str, visit: Appointment, undo: dict[str, Any] | None, **shown: Any
) -> HttpResponse:
    """Say what was done and offer to undo it, by sending these values to the page `undo_with`; the page closes its
    panel, asks for what has changed, and offers to show the visit if it is on another day."""
    is_cancelled = visit.status == AppointmentStatus.CANCELLED
    shown = {"elsewhere": "" if is_cancelled else visit_address(visit), **shown}
    shown = {"undo_with": "calendar_change", "warnings": [str(warning) for warning in visit.warnings], **shown}
    answer = message_response(request, sentence, visit=visit, undo=undo, **shown)
    return trigger_change(answer, visit)


def trigger_change(answer: HttpResponse, visit: Appointment) -> HttpResponse:
    """Have the page show the visit as it is now."""
    return trigger_client_event(answer, "calendar:changed", {"visit": str(visit.pk)}, after="settle")


def described(visit: Appointment) -> dict[str, Any]:
    return {
        "patient": visit.patient.name,
        "doctor": visit.doctor.name,
        "time": describe_time(visit),
        "minutes": visit.minutes,
        "room": visit.room,
        "reason": visit.get_cancel_reason_display(),
    }


def describe_time(visit: Appointment) -> str:
    """Return `Tue, Dec 1, 10:30 AM`, with the time zone if it is not the practice's."""
    return describe_moment(visit.starts_at, visit.tzinfo)


def describe_moment(moment: datetime, zone: ZoneInfo) -> str:
    text = local_time(moment, zone)
    return text if zone == timezone.get_current_timezone() else f"{text} ({zone_label(zone)})"


def local_time(moment: Any, zone: Any) -> str:
    return format_moment(moment, zone, "WEEKDAY_TIME_FORMAT")
