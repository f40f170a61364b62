"""Writing and amending medical records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment, Status
from core.errors import Invalid
from patients.models import Patient
from patients.restriction import check_open
from patients.services import held_chart
from records import versions
from records.models import Attachment, MedicalRecord
from records.models.attachment import State
from records.models.medical_record import named_files
from records.serializers import RecordWhole

NO_SUCH_FILE = "This is no file of this patient."


@transaction.atomic
def write_record(*, by: User, patient_id: UUID, **texts: Any) -> MedicalRecord:
    """A record by this doctor of this patient, tied to the latest of their encounters that has none yet. Raises
    Missing, Restricted for a chart that is closed to them, and Invalid for a file that is not the patient's."""
    patient = check_open(by, held_chart(by=by, patient_id=patient_id))
    _check_files(by, patient.pk, texts.get("attachments", []))
    encounter = _encounter_without_record(by, patient)
    record: MedicalRecord = MedicalRecord.objects.create(patient=patient, doctor=by, appointment=encounter, **texts)
    return record


@transaction.atomic
def amend_record(*, by: User, record_id: UUID, expected: int, reason: str, **changes: Any) -> MedicalRecord:
    """Change what a record says; what it said stays as a version. Raises Missing, Restricted, Invalid for a file that
    is not the patient's, and like versions.amendment."""
    held_chart(
        by=by, patient_id=MedicalRecord.objects.readable_by(by).only("patient_id").found(pk=record_id).patient_id
    )
    record: MedicalRecord = versions.opened(MedicalRecord, by=by, pk=record_id, to_change=True)
    with versions.amendment(record, by=by, expected=expected, reason=reason, shape=RecordWhole.of):
        _check_files(by, record.patient_id, changes.get("attachments", []), known=record.attachments)
        for name, value in changes.items():
            setattr(record, name, value)
    return record


def _check_files(by: User, patient_id: UUID, attachments: Sequence[str], *, known: Sequence[str] = ()) -> None:
    """Those that look like ids are of files of this patient, but for what the record holds already: it was there."""
    held = set(named_files(known).values())
    ids = {place: pk for place, pk in named_files(attachments).items() if pk not in held}
    if not ids:
        return
    unusable = (State.INFECTED, State.LOST)
    files = Attachment.objects.visible_to(by).filter(pk__in=set(ids.values()), patient=patient_id)
    found = set(files.exclude(state__in=unusable).values_list("pk", flat=True))
    missing = next((place for place, pk in ids.items() if pk not in found), None)
    if missing is not None:
        raise Invalid(f"attachments.{missing}", NO_SUCH_FILE)


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
