"""Writing medical records."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment, Status
from patients.models import Patient
from patients.restriction import check_open
from patients.services import held_chart
from records.models import MedicalRecord


@transaction.atomic
def write_record(*, by: User, patient_id: UUID, **texts: Any) -> MedicalRecord:
    """A record by this doctor of this patient, tied to the latest of their encounters that has none yet. Raises
    Missing, and Restricted for a chart that is closed to them."""
    patient = check_open(by, held_chart(by=by, patient_id=patient_id))
    encounter = _encounter_without_record(by, patient)
    record: MedicalRecord = MedicalRecord.objects.create(patient=patient, doctor=by, appointment=encounter, **texts)
    return record


def _encounter_without_record(doctor: User, patient: Patient) -> Appointment | None:
    """Two records written at once do not take the same encounter: all that come into question are locked, and only
    then is looked which of them is free."""
    happened = Q(status=Status.COMPLETED) | Q(status=Status.SCHEDULED, starts_at__lte=timezone.now())
    met = Appointment.objects.select_for_update().filter(happened, doctor=doctor, patient=patient)
    locked = list(met.order_by("pk").values_list("pk", flat=True))
    taken = MedicalRecord.objects.filter(appointment=OuterRef("pk"))
    free = Appointment.objects.filter(~Exists(taken), pk__in=locked)
    encounter: Appointment | None = free.order_by("-starts_at", "-id").first()
    return encounter
