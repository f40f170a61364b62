"""The visits on a chart's page: those to come, and what leads to the calendar."""

from typing import Any

from django.utils import timezone

from accounts.models import User
from appointments.calendar.links import day_address
from appointments.models import Appointment, AppointmentStatus
from appointments.visits.history import no_shows_of
from patients.admin.sections import Section, register_section
from patients.models import Patient

MOST = 5


@register_section
class NextVisits(Section):
    template = "admin/patients/patient/visits.html"

    def context(self, chart: Patient, user: User) -> dict[str, Any]:
        coming = Appointment.objects.visible_to(user).filter(
            patient=chart, status=AppointmentStatus.SCHEDULED, ends_at__gt=timezone.now()
        )
        coming = coming.with_people().with_offices().defer("reason", "notes").order_by("starts_at", "id")
        return {
            "next_visits": [(visit, day_address(visit)) for visit in coming[:MOST]],
            "no_shows": no_shows_of(chart),
        }
