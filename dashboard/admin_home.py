"""The admin site's first page: today at the clinic."""

from typing import Any

from django.http import HttpRequest

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment, Status
from dashboard.admin_base import acting
from dashboard.admin_reads import shows
from dashboard.statistics import dashboard
from patients.likely import with_matches
from patients.models import EmergencyAccess, EmergencyAccessQuerySet, Patient
from patients.registrations import DeclineReason
from practices.models import Practice

APPOINTMENTS_SHOWN, REGISTRATIONS_SHOWN, EMERGENCIES_SHOWN = 100, 10, 10
MOST_COUNTED = 100  # emergencies, beside the menu of each page
# the dashboard's numbers in the words of the desk, and where each leads; revenue joins with billing
NUMBERS = {
    "totalPatients": ("Patients", "admin:patients_patient_changelist"),
    "managedPatients": ("Patients", "admin:patients_patient_changelist"),
    "totalDoctors": ("Doctors", "admin:accounts_user_changelist"),
    "totalAppointments": ("Appointments in all", "admin:appointments_appointment_changelist"),
    "scheduledAppointments": ("Scheduled appointments", "admin:appointments_appointment_changelist"),
}


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK: what templates/admin/index.html shows."""
    user = acting(request)
    practice: Practice = request.practice  # type: ignore[attr-defined]
    start, end = practice.day_bounds(practice.today())
    day = (
        Appointment.objects.visible_to(user).filter(starts_at__gte=start, starts_at__lt=end).order_by("starts_at", "id")
    )
    appointments = list(day.with_people().with_places()[: APPOINTMENTS_SHOWN + 1])
    waiting = Patient.objects.visible_to(user).pending().order_by("id")
    registrations = with_matches(waiting[:REGISTRATIONS_SHOWN])
    charts = [chart for row in registrations for chart in (row.chart, *(match.chart for match in row.matches))]
    emergencies = _emergencies(user).with_people().newest_first()[:EMERGENCIES_SHOWN] if _waiting(request) else []
    shows(request, [*appointments[:APPOINTMENTS_SHOWN], *charts, *emergencies], about="today")
    numbers = [
        {"label": NUMBERS[name][0], "link": NUMBERS[name][1], "value": value}
        for name, value in dashboard(user).items()
        if name in NUMBERS
    ]
    return {
        **context,
        "day": start,
        "numbers": numbers,
        "emergencies": emergencies,
        "appointments": appointments[:APPOINTMENTS_SHOWN],
        "with_offices": any(appointment.office_id for appointment in appointments),
        "appointments_left_out": len(appointments) > APPOINTMENTS_SHOWN,
        "still_to_come": sum(appointment.status == Status.SCHEDULED for appointment in appointments),
        "registrations": registrations,
        "registrations_waiting": waiting.count(),
        "may_confirm": user.can(Permission.CONFIRM_REGISTRATIONS),
        "decline_reasons": DeclineReason.choices,
    }


def _emergencies(user: User) -> EmergencyAccessQuerySet:
    """What waits for an admin's signature, also what they cannot sign themself."""
    accesses = EmergencyAccess.objects.waiting()
    waiting: EmergencyAccessQuerySet = accesses if user.can(Permission.REVIEW_EMERGENCIES) else accesses.none()
    return waiting


def reviews_emergencies(request: HttpRequest) -> bool:
    """Whether the sidebar leads to the review queue."""
    return acting(request).can(Permission.REVIEW_EMERGENCIES)


def emergencies_waiting(request: HttpRequest) -> str:
    """The number beside that."""
    waiting = _waiting(request)
    return f"{waiting - 1}+" if waiting == MOST_COUNTED else str(waiting or "")


def _waiting(request: HttpRequest) -> int:
    """Looked up once a page. Nothing waits where no practice is picked yet."""
    if not hasattr(request, "practice"):
        return 0
    if not hasattr(request, "emergencies_waiting"):
        request.emergencies_waiting = len(_emergencies(acting(request)).values_list("pk")[:MOST_COUNTED])  # type: ignore[attr-defined]
    waiting: int = request.emergencies_waiting  # type: ignore[attr-defined]
    return waiting
