"""A patient's whole calendar: the visits to come, soonest first, and those before, latest first."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from appointments.calendar import facts
from appointments.calendar.links import booking_address, day_address
from appointments.calendar.page import CalendarPage, describe_time
from appointments.models import Appointment, AppointmentQuerySet
from appointments.visits.history import no_shows_of
from audit.events import AuditEvent
from core.admin.access_log import log_page_read
from patients.merging.services import MergedAway, naming_the_survivor
from patients.models import Patient
from patients.restriction.services import visible_chart

MOST_TO_COME, EARLIER_SHOWN = 100, 50  # a series has at most a hundred visits


class PatientVisits(CalendarPage):
    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        try:
            with naming_the_survivor(by=self.user, patient_id=patient_id):
                chart = visible_chart(self.user, pk=patient_id).get_or_refuse()
        except MergedAway as merged:
            return redirect("patient_visits", merged.extra["mergedInto"])
        now, visits = timezone.now(), self._visits(chart)
        to_come = list(visits.filter(ends_at__gt=now).order_by("starts_at", "id")[:MOST_TO_COME])
        earlier = Paginator(visits.filter(ends_at__lte=now).order_by("-starts_at", "-id"), EARLIER_SHOWN)
        page = earlier.get_page(request.GET.get("page"))
        rows = [chart, *to_come, *page]
        log_page_read(
            request,
            rows,
            about=Appointment._meta.label,
            kind=AuditEvent.APPOINTMENTS_LISTED,
            hits=len(to_come) + earlier.count,
        )
        context = {
            "chart": chart,
            "book": booking_address(chart.pk),
            "to_come": [_shown(visit) for visit in to_come],
            "earlier": [_shown(visit) for visit in page],
            "page": page,
            "no_shows": no_shows_of(chart),
        }
        return render(request, "appointments/patient_visits/visits.html", context)

    def _visits(self, chart: Patient) -> AppointmentQuerySet:
        visits: AppointmentQuerySet = Appointment.objects.visible_to(self.user).filter(patient=chart)
        return visits.with_people().with_offices().defer("notes")


def _shown(visit: Appointment) -> dict[str, Any]:
    return {
        "visit": visit,
        "day": day_address(visit),
        "time": describe_time(visit),
        "state": facts.describe(visit, visit.tzinfo) or visit.get_status_display(),
    }
