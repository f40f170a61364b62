"""A declined registration takes no doctor's time: what it has booked is called off in the same transaction."""

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from appointments.models import Appointment, Status
from patients.models import Patient
from patients.registrations import registration_declined


@receiver(registration_declined)
def call_off(*, chart: Patient, **kwargs: Any) -> None:
    coming = Appointment.objects.filter(patient=chart, status=Status.SCHEDULED, starts_at__gte=timezone.now())
    coming.update(status=Status.CANCELLED)
