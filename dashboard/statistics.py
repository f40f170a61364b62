"""The numbers on each role's dashboard, and how many patients a doctor has."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from appointments.models import Appointment, AppointmentStatus
from billing.accounts.services import takings
from billing.models import LedgerEntry
from core.cache import cached_counts
from core.tenancy.scope import current_practice_id
from patients.models import Patient
from practices.services import current_practice
from records.models import MedicalRecord, PlanOfCare, SessionNote
from records.models.note import finalised_q

Numbers = dict[str, int | float]
COUNTED_MODELS = (LedgerEntry, User, Patient, Appointment, MedicalRecord, SessionNote, PlanOfCare)


def dashboard_numbers(user: User) -> Numbers:
    """Return the numbers on this user's dashboard; cached until something they count changes."""
    numbers: Numbers = cached_counts.get_or_compute(
        f"dashboard:{_cache_key(user)}",
        practice_id=current_practice_id(),
        of=COUNTED_MODELS,
        compute=lambda: NUMBERS_BY_ROLE[Role(user.role)](user),
    )
    return numbers


def count_assigned_patients(doctor: User) -> int:
    """Count the patients who have an appointment with this doctor, an entry of theirs in the clinical record, or them
    as their primary doctor, each once."""
    primary = Patient.objects.active().filter(primary_doctor=doctor).values("pk").order_by()
    treated = [
        model.objects.filter(doctor=doctor).exclude(patient__in=_inactive_charts()).values("patient_id").order_by()
        for model in (Appointment, MedicalRecord, SessionNote, PlanOfCare)
    ]
    return primary.union(*treated).count()


def cached_assigned_patients(doctor: User) -> int:
    count: int = cached_counts.get_or_compute(
        f"assigned:{doctor.pk}",
        practice_id=current_practice_id(),
        of=COUNTED_MODELS,
        compute=lambda: count_assigned_patients(doctor),
    )
    return count


def _pending_reports(doctor: User) -> int:
    """Count the visits that took place and still have to be written up: neither a medical record nor a finalised
    session note names them. Nothing can be written in the chart of a declined registration."""
    mine = Appointment.objects.filter(doctor=doctor, status=AppointmentStatus.COMPLETED)
    recorded = MedicalRecord.objects.filter(appointment=OuterRef("pk"))
    noted = SessionNote.objects.filter(finalised_q(), appointment=OuterRef("pk"))
    return mine.filter(~Exists(recorded), ~Exists(noted)).exclude(patient__in=_inactive_charts()).count()


def _inactive_charts() -> QuerySet[Patient, dict[str, Any]]:
    return Patient.objects.inactive().values("pk").order_by()


def _cache_key(user: User) -> str:
    return f"{user.role}:{user.pk}" if user.role in (Role.DOCTOR, Role.PATIENT) else user.role


def _admin_numbers(user: User) -> Numbers:
    return {
        "totalPatients": Patient.objects.confirmed().count(),
        "totalDoctors": User.objects.doctors().count(),
        "totalAppointments": Appointment.objects.count(),
        "revenue": _as_number(takings()),
    }


def _as_number(amount: Decimal) -> int | float:
    """Return a whole amount without decimal places, as the contract shows it."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _doctor_numbers(user: User) -> Numbers:
    practice = current_practice()
    start, end = practice.day_bounds(practice.today())
    own = Appointment.objects.filter(doctor=user)
    today = own.filter(starts_at__gte=start, starts_at__lt=end).exclude(status=AppointmentStatus.CANCELLED)
    return {
        "assignedPatients": count_assigned_patients(user),
        "todayAppointments": today.count(),
        "pendingReports": _pending_reports(user),
    }


def _staff_numbers(user: User) -> Numbers:
    return {
        "managedPatients": Patient.objects.confirmed().count(),
        "scheduledAppointments": Appointment.objects.filter(status=AppointmentStatus.SCHEDULED).count(),
        "pendingRegistrations": Patient.objects.pending().count(),
    }


def _patient_numbers(user: User) -> Numbers:
    upcoming = Appointment.objects.visible_to(user).filter(
        status=AppointmentStatus.SCHEDULED, starts_at__gte=timezone.now()
    )
    records = MedicalRecord.objects.visible_to(user)
    return {
        "upcomingAppointments": upcoming.count(),
        "medicalRecords": records.count(),
        "prescriptions": records.filter(has_prescription=True).count(),
    }


NUMBERS_BY_ROLE: dict[Role, Callable[[User], Numbers]] = {
    Role.ADMIN: _admin_numbers,
    Role.DOCTOR: _doctor_numbers,
    Role.STAFF: _staff_numbers,
    Role.BILLING: _staff_numbers,
    Role.PATIENT: _patient_numbers,
}
