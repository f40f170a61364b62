"""Who deletes what of the clinical record (docs/adr/0019): what counts as written is an office manager's to delete,
with a reason, and never its author's as such; a draft is nobody's but its author's, or a colleague's once the author
can write no more."""

from typing import Any

from django.db.models import Case, F, When
from django.db.models.functions import Coalesce, Greatest
from django.dispatch import receiver

from accounts.models import User
from accounts.roles import Permission
from appointments.models import Appointment
from core.encryption.keyring import DecryptionError
from core.errors import Conflict
from patients.deletions import being_deleted, deletable
from records.models import Attachment, MedicalRecord, PlanOfCare, RecordVersion, SessionNote
from records.models.medical_record import named_files
from records.models.note import Status
from records.versions import may_write_for


def _is_own_draft(note: SessionNote, by: User) -> bool:
    return note.status == Status.DRAFT and by.can(Permission.WRITE_RECORDS) and may_write_for(by, note.doctor)


def _is_own_plan(plan: PlanOfCare, by: User) -> bool:
    return plan.doctor_id == by.pk and by.can(Permission.WRITE_RECORDS)


def _is_own_loose_file(file: Attachment, by: User) -> bool:
    """Nothing that was finalised refers to it."""
    is_own = file.uploaded_by_id == by.pk and by.can(Permission.ADD_FILES)
    return is_own and (file.note is None or file.note.status == Status.DRAFT) and not _is_named_by_a_record(file)


def _is_named_by_a_record(file: Attachment) -> bool:
    """Which files a record names is encrypted; the records of one patient are few. One that cannot be decrypted may
    name it."""
    records = MedicalRecord.objects.filter(patient=file.patient_id).only("attachments")
    versions = RecordVersion.objects.filter(record__patient=file.patient_id, record__deletion=None).only("content")
    try:
        return any(file.pk in named_files(record.attachments).values() for record in records) or any(
            file.pk in named_files(version.content.get("attachments", ())).values() for version in versions
        )
    except DecryptionError:
        return True


def _check_its_appointment(row: SessionNote | MedicalRecord) -> None:
    if row.appointment is not None and row.appointment.deletion_id is not None:
        raise Conflict("Its appointment is deleted: restore that first.")


def _check_its_note(file: Attachment) -> None:
    if file.note is not None and file.note.deletion_id is not None:
        raise Conflict("Its session note is deleted: restore the session note.")


@receiver(being_deleted, sender=Appointment)
def check_nothing_is_written_of_it(*, row: Appointment, **kwargs: Any) -> None:
    for model in (SessionNote, MedicalRecord):
        if model.objects.filter(appointment=row).exists():
            raise Conflict(f"This appointment has a {model._meta.verbose_name}: cancel it instead.")


deletable(
    MedicalRecord,
    name="record",
    permission=Permission.DELETE_CLINICAL,
    refusal="An office manager alone deletes a medical record; what is wrong in it is amended.",
    check_restored=_check_its_appointment,
    taken="Its appointment has another medical record by now.",
    kept_since=Greatest("date", "created_at", Coalesce("amended_at", "created_at")),
)
deletable(
    SessionNote,
    name="session",
    permission=Permission.DELETE_CLINICAL,
    refusal="A draft is deleted by its author, a finalised note by an office manager alone.",
    own=_is_own_draft,
    check_restored=_check_its_appointment,
    taken="Its appointment has another session note of this doctor by now.",
    kept_since=Case(When(finalised_at__isnull=False, then=Greatest("date", Coalesce("amended_at", "finalised_at")))),
    parts=lambda note: [Attachment.objects.filter(note=note)],
    parts_said="Files that belong to it are hidden and restored with it, those too that a medical record names.",
)
deletable(
    PlanOfCare,
    name="plan",
    permission=Permission.DELETE_CLINICAL,
    refusal="A plan of care is deleted by its author or by an office manager.",
    own=_is_own_plan,
    kept_since=F("updated_at"),
)
deletable(
    Attachment,
    name="attachment",
    permission=Permission.DELETE_CLINICAL,
    refusal="A file that a record or a finalised note refers to, or that somebody else has added, is deleted by an "
    "office manager alone.",
    own=_is_own_loose_file,
    check_restored=_check_its_note,
    kept_since=F("created_at"),
)
