"""Where the calendar is opened from other pages."""

from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from appointments.models import Appointment


def booking_address(patient_id: UUID) -> str:
    """Return the calendar in which the next time that is chosen is for this patient."""
    return f"{reverse('calendar')}?{urlencode({'patient': patient_id})}"


def visit_address(visit: Appointment) -> str:
    """Return where the calendar shows the visit, in the view that was chosen last."""
    day = visit.starts_at.astimezone(visit.tzinfo).date()
    return f"{reverse('calendar')}?{urlencode({'day': day, 'doctor': visit.doctor_id})}#v-{visit.pk}"


def day_address(visit: Appointment) -> str:
    """Return the day of the visit in the calendar."""
    day = visit.starts_at.astimezone(visit.tzinfo).date()
    return f"{reverse('calendar')}?{urlencode({'view': 'day', 'day': day, 'doctor': visit.doctor_id})}"
