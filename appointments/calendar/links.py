"""Where the calendar is opened from other pages."""

from urllib.parse import urlencode

from django.urls import reverse

from appointments.models import Appointment


def visit_address(visit: Appointment) -> str:
    """Return where the calendar shows the visit, in the view that was chosen last."""
    day = visit.starts_at.astimezone(visit.tzinfo).date()
    return f"{reverse('calendar')}?{urlencode({'day': day, 'doctor': visit.doctor_id})}#v-{visit.pk}"


def day_address(visit: Appointment) -> str:
    """Return the day of the visit in the calendar."""
    day = visit.starts_at.astimezone(visit.tzinfo).date()
    return f"{reverse('calendar')}?{urlencode({'view': 'day', 'day': day, 'doctor': visit.doctor_id})}"
