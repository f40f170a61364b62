"""Times that are kept for a moment: by somebody who fills the booking form, or while they are on offer to somebody on
the waiting list (docs/adr/0040). One's own form keeps nothing from oneself."""

from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from accounts.roles import Role
from appointments.models import SlotHold, SlotOffer
from core.formats import format_time


def find_holds(by: User, start: datetime, end: datetime) -> Any:
    """Return what is kept from this person between the two moments, with `is_offered`."""
    held = SlotHold.objects.live().filter(starts_at__lt=end, ends_at__gt=start)
    held = held.annotate(is_offered=Exists(SlotOffer.objects.filter(hold=OuterRef("pk"))))
    return held.exclude(held_by=by, is_offered=False).order_by("starts_at", "id")


def describe_hold_on(by: User, doctor_id: UUID, start: datetime, end: datetime) -> str:
    """Return `Kept by Kim until 10:42 AM.`; nothing if the time is not kept from this person."""
    held = find_holds(by, start, end).filter(doctor=doctor_id).select_related("held_by").first()
    text = describe(held, timezone.get_current_timezone()) if held else ""
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def describe(held: Any, zone: tzinfo) -> str:
    """Return `kept by Kim until 10:42 AM`. Who books online is a patient, whom the calendar does not name."""
    said = {"name": held.held_by.name, "time": until(held, zone)}
    if held.is_offered:
        return gettext("on offer until %(time)s") % said
    if held.held_by.role == Role.PATIENT:
        return gettext("being booked online until %(time)s") % said
    return gettext("kept by %(name)s until %(time)s") % said


def until(held: Any, zone: tzinfo) -> str:
    return format_time(held.expires_at.astimezone(zone).time())


def seconds_left(held: SlotHold) -> int:
    return max(int((held.expires_at - timezone.now()).total_seconds()), 0)
