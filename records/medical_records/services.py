"""Creating and amending medical records."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from appointments.time_rules import took_place
from core.database.chosen_ids import chosen_id
from core.errors import Conflict, Invalid
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import lock_chart
from records.medical_records.serializers import RecordWhole
from records.models import Attachment, MedicalRecord
from records.models.attachment import FileState
from records.models.medical_record import referenced_files
from records.versions import services as versions

SAVED_ALREADY = _("This record was saved already, with other texts. Open it in the chart and amend it there.")
NO_SUCH_FILE = _("This is not one of the patient's files.")


@transaction.atomic
def create_record(*, by: User, patient_id: UUID, record_id: UUID | None = None, **texts: Any) -> MedicalRecord:
    """Create a record by this doctor for this patient, linked to their latest encounter that has none yet. A page sends
    the id that the record shall have: sent twice, it is written once. Raises NotFound, Forbidden if the chart is closed
    to the doctor, Invalid for a file that is not the patient's and for a date that is still to come, and Conflict if
    the id is that of a record with other texts."""
    patient = check_access(by, lock_chart(by=by, patient_id=patient_id))
    if record_id and MedicalRecord.with_deleted.filter(pk=record_id).exists():
        there: MedicalRecord = MedicalRecord.objects.filter(doctor=by, patient=patient).get_or_refuse(pk=record_id)
        if any(getattr(there, name) != text for name, text in texts.items()):
            raise Conflict(SAVED_ALREADY)
        return there
    if record_id:
        texts["pk"] = record_id
    if "date" in texts:
        texts["date"] = took_place(texts["date"])
    _check_files(by, patient.pk, texts.get("attachments", []))
    encounter = _encounter_without_record(by, patient)
    with chosen_id(record_id):
        record: MedicalRecord = MedicalRecord.objects.create(patient=patient, doctor=by, appointment=encounter, **texts)
    return record


@transaction.atomic
def amend_record(*, by: User, record_id: UUID, expected: int, reason: str, **changes: Any) -> MedicalRecord:
    """Change a record and keep what it said as a version. Raises NotFound, Forbidden if the chart is closed, Invalid
    for a file that is not the patient's, and what versions.amendment raises."""
    lock_chart(
        by=by,
        patient_id=MedicalRecord.objects.readable_by(by).only("patient_id").get_or_refuse(pk=record_id).patient_id,
    )
    record: MedicalRecord = versions.get_entry(MedicalRecord, by=by, pk=record_id, for_update=True)
    with versions.amendment(record, by=by, expected=expected, reason=reason, shape=RecordWhole.to_dict):
        _check_files(by, record.patient_id, changes.get("attachments", []), known=record.attachments)
        for name, value in changes.items():
            setattr(record, name, value)
    return record


def _check_files(by: User, patient_id: UUID, attachments: Sequence[str], *, known: Sequence[str] = ()) -> None:
    """Check that attachments that look like ids are files of this patient, except those that the record names already.
    Raises Invalid."""
    existing = set(referenced_files(known).values())
    ids = {place: pk for place, pk in referenced_files(attachments).items() if pk not in existing}
    if not ids:
        return
    unusable = (FileState.INFECTED, FileState.LOST)
    files = Attachment.objects.visible_to(by).filter(pk__in=set(ids.values()), patient=patient_id)
    found = set(files.exclude(state__in=unusable).values_list("pk", flat=True))
    missing = next((place for place, pk in ids.items() if pk not in found), None)
    if missing is not None:
        raise Invalid(f"attachments.{missing}", NO_SUCH_FILE)


def _encounter_without_record(doctor: User, patient: Patient) -> Appointment | None:
    """Return the encounter to link. All candidates are locked before looking for a free one, so that two records
    written at once do not take the same encounter."""
    happened = Q(status=AppointmentStatus.COMPLETED) | Q(
        status=AppointmentStatus.SCHEDULED, no_show_at=None, starts_at__lte=timezone.now()
    )
    met = Appointment.objects.select_for_update().filter(happened, doctor=doctor, patient=patient)
    locked = list(met.order_by("pk").values_list("pk", flat=True))
    taken = MedicalRecord.objects.filter(appointment=OuterRef("pk"))
    free = Appointment.objects.filter(~Exists(taken), pk__in=locked)
    encounter: Appointment | None = free.order_by("-starts_at", "-id").first()
    return encounter
