"""Who waits for a time, and what is on offer to them, as the panels show it."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from math import isinf
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext

from accounts.models import User
from appointments.calendar.page import local_time
from appointments.calendar.preview import free_minutes
from appointments.models import Appointment, Priority, SlotOffer, WaitingListEntry
from appointments.models.waiting_list import ANY_DAY
from appointments.waiting_list.services import matches, weekdays_of
from core.permissions import Permission
from patients.models import Patient

MOST = 5  # of those who would fit into a free time, the first to ask
MOST_LISTED = 100


def of_slot(by: User, visit: Appointment, start: datetime) -> dict[str, Any]:
    """Return who would fit into the free time, what of it is on offer already, and the charts that this shows."""
    if start <= timezone.now() or not by.can(Permission.MANAGE_WAITING_LIST):
        return {}
    open_offers = SlotOffer.objects.open().filter(
        doctor=visit.doctor_id, starts_at__lt=visit.ends_at, ends_at__gt=start
    )
    offers = list(open_offers.select_related("entry").order_by("starts_at", "id"))
    minutes = free_minutes(by, visit.doctor_id, start, but_offers=True)
    asked = None if isinf(minutes) else int(minutes)
    offered = {offer.entry_id for offer in offers}
    fitting = [] if asked is not None and asked <= 0 else who_fits(by, visit, start, asked)
    entries = [entry for entry in fitting if entry.pk not in offered]
    charts = charts_of([*entries, *(offer.entry for offer in offers)])
    zone = timezone.get_current_timezone()
    return {
        "charts": list(charts.values()),
        "offers": [(offer, charts.get(offer.entry.patient_id), _clock(offer.expires_at, zone)) for offer in offers],
        "waiting": [(entry, charts.get(entry.patient_id), describe(entry)) for entry in entries[:MOST]],
        "more_waiting": max(len(entries) - MOST, 0),
    }


def who_fits(by: User, visit: Appointment, start: datetime, minutes: int | None) -> list[WaitingListEntry]:
    return matches(by=by, doctor_id=visit.doctor_id, date=start, minutes=minutes)


def charts_of(entries: Iterable[WaitingListEntry]) -> dict[Any, Patient]:
    """Return the charts with what the desk needs to reach them: one query."""
    ids = {entry.patient_id for entry in entries}
    return {chart.pk: chart for chart in Patient.objects.filter(pk__in=ids).brief()} if ids else {}


def listed(by: User, zone: ZoneInfo) -> dict[str, Any]:
    """Return who waits, the most urgent first and then who has waited longest."""
    found = WaitingListEntry.objects.visible_to(by).waiting().urgent_first()
    found = found.select_related("type").prefetch_related("wanted_doctors__doctor", "offers")
    entries = list(found[: MOST_LISTED + 1])
    charts = charts_of(entries[:MOST_LISTED])
    return {
        "charts": list(charts.values()),
        "entries": [
            (entry, charts.get(entry.patient_id), describe(entry), _offered(entry, zone), _sole_doctor(entry))
            for entry in entries[:MOST_LISTED]
        ],
        "are_more": len(entries) > MOST_LISTED,
    }


def _offered(entry: WaitingListEntry, zone: ZoneInfo) -> list[dict[str, Any]]:
    now = timezone.now()
    return [
        {
            "pk": offer.pk,
            "doctor": offer.doctor_id,
            "start": offer.starts_at,
            "time": local_time(offer.starts_at, zone),
            "until": _clock(offer.expires_at, zone),
        }
        for offer in entry.offers.all()
        if offer.is_open(now)
    ]


def _sole_doctor(entry: WaitingListEntry) -> Any:
    wanted = entry.wanted_doctors.all()
    return wanted[0].doctor_id if len(wanted) == 1 else None


def describe(entry: WaitingListEntry) -> str:
    """Return `Follow-up, urgent, Mon and Wed, 9:00 AM to noon, since Nov 3`."""
    parts = [entry.type.name if entry.type else ""]
    if entry.priority != Priority.NORMAL:
        parts.append(str(Priority(entry.priority).label).lower())
    if entry.weekdays != ANY_DAY:
        parts.append(" ".join(str(WEEKDAYS_ABBR[day]) for day in weekdays_of(entry.weekdays)))
    if entry.earliest:
        parts.append(gettext("from %(time)s") % {"time": time_format(entry.earliest, "TIME_FORMAT")})
    if entry.latest:
        parts.append(gettext("over by %(time)s") % {"time": time_format(entry.latest, "TIME_FORMAT")})
    if entry.first_day and entry.first_day > timezone.localdate():
        parts.append(gettext("from %(day)s") % {"day": date_format(entry.first_day, "MONTH_DAY_FORMAT")})
    if entry.last_day:
        parts.append(gettext("until %(day)s") % {"day": date_format(entry.last_day, "MONTH_DAY_FORMAT")})
    parts.append(
        gettext("waiting since %(day)s")
        % {"day": date_format(timezone.localtime(entry.created_at), "MONTH_DAY_FORMAT")}
    )
    return ", ".join(part for part in parts if part)


def _clock(moment: datetime, zone: tzinfo) -> str:
    return time_format(moment.astimezone(zone), "TIME_FORMAT")


def would_fit(by: User, visit: Appointment) -> list[WaitingListEntry]:
    """Return who would fit into the time of a visit that was cancelled."""
    if visit.starts_at <= timezone.now() or not by.can(Permission.MANAGE_WAITING_LIST):
        return []
    return who_fits(by, visit, visit.starts_at, visit.minutes)
