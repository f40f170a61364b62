"""What stays in sight while a chart is open: who it is, what one must not overlook, and when they come next."""

from datetime import date
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext, ngettext

from accounts.models import User
from appointments.calendar.page import describe_time
from appointments.models import Appointment, AppointmentStatus
from core.encryption.fields import is_unreadable
from core.permissions import Permission
from core.tenancy.compiled import now
from patients.allergies import allergies_of
from patients.models import EmergencyAccess, Patient
from records.models import Attachment

MONTHS_UNTIL = 24  # a small child's age is said in months


def describe_age(chart: Patient, today: date) -> str:
    """Return `46 years`, `7 months` for a small child, or nothing."""
    years, born = chart.age_on(today), chart.date_of_birth
    if born is None or years is None or years < 0:
        return ""
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if months < MONTHS_UNTIL:
        return ngettext("%(number)s month", "%(number)s months", months) % {"number": months}
    return ngettext("%(number)s year", "%(number)s years", years) % {"number": years}


def build_banner(*, by: User, chart: Patient) -> dict[str, Any]:
    """Return what the banner of a chart that is open to `by` says."""
    is_clinical = by.can(Permission.READ_CHARTS)
    visits = Appointment.objects.visible_to(by).filter(patient=chart)
    to_come = Q(status=AppointmentStatus.SCHEDULED, starts_at__gt=now(), started_at=None)
    next_visit = visits.filter(to_come).with_offices().defer("reason", "notes").order_by("starts_at", "id").first()
    photos = Attachment.objects.readable_by(by).filter(patient=chart).portraits().values_list("pk", flat=True)
    return {
        "photo": photos.first() if by.can(Permission.READ_RECORDS) else None,
        "age": describe_age(chart, chart.practice.today()),
        "sex": chart.get_gender_display() or gettext("Sex not known"),
        "is_clinical": is_clinical,
        "shows_account": by.can(Permission.READ_BILLING),
        "shows_codes": by.can(Permission.CODE_VISITS),
        "allergies": allergies_of(chart) if is_clinical else "",
        "may_change_allergies": by.can(Permission.WRITE_CLINICAL_FIELDS) and not is_unreadable(chart, "allergies"),
        "next_visit": next_visit,
        "next_visit_at": next_visit and describe_time(next_visit),
        **visits.order_by().aggregate(
            no_shows=Count("pk", filter=Q(no_show_at__isnull=False)),
            to_come=Count("pk", filter=to_come),
        ),
        "emergency": EmergencyAccess.objects.filter(pk=chart.emergency_id).first() if chart.emergency_id else None,
    }
