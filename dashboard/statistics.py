"""The numbers of each role's dashboard, and how many patients a doctor has."""

from collections.abc import Callable

from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from appointments.models import Appointment, Status
from core import totals
from core.tenancy import current_practice_id
from patients.models import Patient
from practices.services import current_practice
from records.models import MedicalRecord

Numbers = dict[str, int]
COUNTED_FROM = (User, Patient, Appointment, MedicalRecord)


def dashboard(user: User) -> Numbers:
    """What this person's dashboard shows; remembered until something it counts changes (core/totals.py)."""
    numbers: Numbers = totals.remembered(
        f"dashboard:{_whose(user)}",
        practice_id=current_practice_id(),
        of=COUNTED_FROM,
        compute=lambda: NUMBERS_OF[Role(user.role)](user),
    )
    return numbers


def assigned_patients(doctor: User) -> int:
    """Distinct patients with whom the doctor has an appointment or a record, or whose primary doctor they are."""
    gone = Patient.objects.gone().values("pk").order_by()
    met = Appointment.objects.filter(doctor=doctor).exclude(patient__in=gone).values("patient_id").order_by()
    written = MedicalRecord.objects.filter(doctor=doctor).exclude(patient__in=gone).values("patient_id").order_by()
    primary = Patient.objects.living().filter(primary_doctor=doctor).values("pk").order_by()
    return met.union(written, primary).count()


def remembered_assigned_patients(doctor: User) -> int:
    number: int = totals.remembered(
        f"assigned:{doctor.pk}",
        practice_id=current_practice_id(),
        of=COUNTED_FROM,
        compute=lambda: assigned_patients(doctor),
    )
    return number


def _whose(user: User) -> str:
    return f"{user.role}:{user.pk}" if user.role in (Role.DOCTOR, Role.PATIENT) else user.role


def _of_admin(user: User) -> Numbers:
    return {
        "totalPatients": Patient.objects.confirmed().count(),
        "totalDoctors": User.objects.doctors().count(),
        "totalAppointments": Appointment.objects.count(),
        "revenue": 0,  # the sum of payments received; there are none until billing exists
    }


def _of_doctor(user: User) -> Numbers:
    practice = current_practice()
    start, end = practice.day_bounds(practice.today())
    own = Appointment.objects.filter(doctor=user)
    recorded = MedicalRecord.objects.filter(appointment=OuterRef("pk"))
    today = own.filter(starts_at__gte=start, starts_at__lt=end).exclude(status=Status.CANCELLED)
    return {
        "assignedPatients": assigned_patients(user),
        "todayAppointments": today.count(),
        "pendingReports": own.filter(~Exists(recorded), status=Status.COMPLETED).count(),
    }


def _of_staff(user: User) -> Numbers:
    return {
        "managedPatients": Patient.objects.confirmed().count(),
        "scheduledAppointments": Appointment.objects.filter(status=Status.SCHEDULED).count(),
        "pendingRegistrations": Patient.objects.pending().count(),
    }


def _of_patient(user: User) -> Numbers:
    upcoming = Appointment.objects.visible_to(user).filter(status=Status.SCHEDULED, starts_at__gte=timezone.now())
    records = MedicalRecord.objects.visible_to(user)
    return {
        "upcomingAppointments": upcoming.count(),
        "medicalRecords": records.count(),
        "prescriptions": records.filter(has_prescription=True).count(),
    }


NUMBERS_OF: dict[Role, Callable[[User], Numbers]] = {
    Role.ADMIN: _of_admin,
    Role.DOCTOR: _of_doctor,
    Role.STAFF: _of_staff,
    Role.BILLING: _of_staff,
    Role.PATIENT: _of_patient,
}
