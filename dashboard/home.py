"""The admin site's home page: today at the clinic."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar import day_news
from appointments.calendar.links import day_address
from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus
from appointments.visits.history import count_no_shows
from core.admin.access_log import log_page_read
from core.admin.base import current_user
from core.admin.needs import may_open
from core.permissions import Permission
from dashboard.first_steps import first_steps
from dashboard.statistics import dashboard_numbers
from patients.models import EmergencyAccess, EmergencyAccessQuerySet, Patient
from patients.registrations.matching import with_matches
from patients.registrations.services import DeclineReason
from practices.models import Practice
from records.chart.links import new_note_address
from records.notes.due import visits_without_note

NOTES_SHOWN, NOTES_SINCE = 20, timedelta(days=14)
APPOINTMENTS_SHOWN, REGISTRATIONS_SHOWN, EMERGENCIES_SHOWN = 100, 10, 10
MAX_EMERGENCIES_COUNTED = 100  # for the badge in the sidebar of every page
# Label and link of each dashboard number; revenue is not shown until billing exists.
KEY_FIGURES = {
    "totalPatients": (_("Patients"), "admin:patients_patient_changelist"),
    "managedPatients": (_("Patients"), "admin:patients_patient_changelist"),
    "totalDoctors": (_("Doctors"), "admin:accounts_user_changelist"),
    "totalAppointments": (_("Total appointments"), "admin:appointments_appointment_changelist"),
    "scheduledAppointments": (_("Scheduled appointments"), "admin:appointments_appointment_changelist"),
}


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what templates/admin/index.html shows (unfold's DASHBOARD_CALLBACK)."""
    user = current_user(request)
    practice: Practice = request.practice  # type: ignore[attr-defined]
    start, end = practice.day_bounds(practice.today())
    day = (
        Appointment.objects.visible_to(user).filter(starts_at__gte=start, starts_at__lt=end).order_by("starts_at", "id")
    )
    appointments = list(day.with_people().with_offices()[: APPOINTMENTS_SHOWN + 1])
    may_confirm = user.can(Permission.CONFIRM_REGISTRATIONS)
    waiting = Patient.objects.visible_to(user).pending().order_by("id") if may_confirm else Patient.objects.none()
    registrations = with_matches(waiting[:REGISTRATIONS_SHOWN])
    charts = [chart for row in registrations for chart in (row.chart, *(match.chart for match in row.matches))]
    emergencies = (
        _emergencies_to_review(user).with_people().newest_first()[:EMERGENCIES_SHOWN]
        if _count_waiting_emergencies(request)
        else []
    )
    unwritten = _visits_to_write_up(user, since=start - NOTES_SINCE)
    log_page_read(request, [*appointments[:APPOINTMENTS_SHOWN], *charts, *emergencies, *unwritten], about="today")
    no_shows = count_no_shows(row.patient_id for row in appointments) if appointments else {}
    for row in appointments:
        row.no_shows, row.day_address = no_shows.get(row.patient_id, 0), day_address(row)
    numbers = [
        {"label": label, "link": address if may_open(request, address) else "", "value": value}
        for name, value in dashboard_numbers(user).items()
        if name in KEY_FIGURES
        for label, address in [(KEY_FIGURES[name][0], reverse(KEY_FIGURES[name][1]))]
    ]
    return {
        **context,
        "day": start,
        "first_steps": first_steps(request),
        "day_news": day_news.for_page(request, practice=practice),
        "numbers": numbers,
        "emergencies": emergencies,
        "appointments": appointments[:APPOINTMENTS_SHOWN],
        "may_open_appointments": may_open(request, reverse("admin:appointments_appointment_changelist")),
        "writes_notes": user.can(Permission.WRITE_RECORDS),
        "unwritten": [(row, day_address(row), new_note_address(row.patient_id, row.pk)) for row in unwritten],
        "may_use_calendar": may_open(request, reverse("calendar")),
        "with_offices": any(appointment.office_id for appointment in appointments),
        "appointments_left_out": len(appointments) > APPOINTMENTS_SHOWN,
        "scheduled_today": _count_scheduled(day, appointments),
        "registrations": registrations,
        "registrations_waiting": waiting.count(),
        "may_confirm": may_confirm,
        "decline_reasons": DeclineReason.choices,
    }


def _visits_to_write_up(user: User, *, since: datetime) -> list[Appointment]:
    if not user.can(Permission.WRITE_RECORDS):
        return []
    visits = visits_without_note(user, since=since).with_people().with_offices()
    return list(visits.defer("reason", "notes")[:NOTES_SHOWN])


def _count_scheduled(day: AppointmentQuerySet, fetched: list[Appointment]) -> int:
    """Count the day's scheduled appointments; ask the database only if not all of them were fetched."""
    if len(fetched) > APPOINTMENTS_SHOWN:
        return day.filter(status=AppointmentStatus.SCHEDULED).count()
    return sum(appointment.status == AppointmentStatus.SCHEDULED for appointment in fetched)


def _emergencies_to_review(user: User) -> EmergencyAccessQuerySet:
    """Return the emergency accesses awaiting review, including the user's own, which somebody else must sign off."""
    accesses = EmergencyAccess.objects.pending_review()
    waiting: EmergencyAccessQuerySet = accesses if user.can(Permission.REVIEW_EMERGENCIES) else accesses.none()
    return waiting


def emergencies_waiting(request: HttpRequest) -> str:
    """Return the text of the badge beside that link."""
    waiting = _count_waiting_emergencies(request)
    return f"{waiting - 1}+" if waiting == MAX_EMERGENCIES_COUNTED else str(waiting or "")


def _count_waiting_emergencies(request: HttpRequest) -> int:
    """Count once per request; 0 while no practice is picked."""
    if not hasattr(request, "practice"):
        return 0
    if not hasattr(request, "emergencies_waiting"):
        accesses = _emergencies_to_review(current_user(request))
        request.emergencies_waiting = len(accesses.values_list("pk")[:MAX_EMERGENCIES_COUNTED])  # type: ignore[attr-defined]
    waiting: int = request.emergencies_waiting  # type: ignore[attr-defined]
    return waiting
