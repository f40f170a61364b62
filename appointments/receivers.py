"""Cancel the upcoming appointments of a declined registration, and take it off the waiting list, in the same
transaction."""

from typing import Any

from django.db.models import F
from django.dispatch import receiver
from django.utils import timezone

from appointments.models import Appointment, AppointmentStatus
from appointments.waiting_list.services import withdraw_all
from patients.models import Patient
from patients.registrations.services import registration_declined


@receiver(registration_declined)
def cancel_upcoming(*, chart: Patient, **kwargs: Any) -> None:
    upcoming = Appointment.objects.filter(
        patient=chart, status=AppointmentStatus.SCHEDULED, starts_at__gte=timezone.now()
    )
    upcoming.update(status=AppointmentStatus.CANCELLED, version=F("version") + 1)
    withdraw_all(chart)
