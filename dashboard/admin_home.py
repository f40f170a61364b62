"""The admin site's first page: today at the clinic."""

from typing import Any

from django.http import HttpRequest

from accounts.roles import Permission
from appointments.models import Appointment, Status
from dashboard.admin_base import acting
from dashboard.admin_reads import shows
from dashboard.statistics import dashboard
from patients.models import Patient
from practices.models import Practice

APPOINTMENTS_SHOWN, REGISTRATIONS_SHOWN = 100, 10
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
    appointments = list(day.with_people()[: APPOINTMENTS_SHOWN + 1])
    waiting = Patient.objects.visible_to(user).pending().order_by("id")
    registrations = list(waiting[:REGISTRATIONS_SHOWN])
    shows(request, [*appointments[:APPOINTMENTS_SHOWN], *registrations], about="today")
    numbers = [
        {"label": NUMBERS[name][0], "link": NUMBERS[name][1], "value": value}
        for name, value in dashboard(user).items()
        if name in NUMBERS
    ]
    return {
        **context,
        "day": start,
        "numbers": numbers,
        "appointments": appointments[:APPOINTMENTS_SHOWN],
        "appointments_left_out": len(appointments) > APPOINTMENTS_SHOWN,
        "still_to_come": sum(appointment.status == Status.SCHEDULED for appointment in appointments),
        "registrations": registrations,
        "registrations_waiting": waiting.count(),
        "may_confirm": user.can(Permission.CONFIRM_REGISTRATIONS),
    }
