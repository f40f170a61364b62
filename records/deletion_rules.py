"""Who may delete what in the clinical record (docs/adr/0019): what counts as written is an office manager's to delete,
with a reason, and never its author's as such; a draft only its author's, or a colleague's once the author can no longer
write."""

from typing import Any

from django.db.models import Case, F, When
from django.db.models.functions import Coalesce, Greatest
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from core.encryption.keyring import DecryptionError
from core.errors import Conflict, Sentence
from core.permissions import Permission
from patients.deletion.services import pre_soft_delete, register_deletable
from records.attachments import storage
from records.models import (
    Attachment,
    BodyChart,
    ChartEntry,
    Measure,
    MedicalRecord,
    PatientForm,
    PlanOfCare,
    RecordVersion,
    SessionNote,
)
from records.models.medical_record import referenced_files
from records.models.note import NoteStatus
from records.models.patient_form import FormState
from records.versions.services import may_write_for

WRITTEN_OF_IT: dict[type[SessionNote | MedicalRecord], Sentence] = {
    SessionNote: _("This appointment has a session note: cancel it instead."),
    MedicalRecord: _("This appointment has a medical record: cancel it instead."),
}


def _is_own_draft(note: SessionNote, by: User) -> bool:
    return note.status == NoteStatus.DRAFT and by.can(Permission.WRITE_RECORDS) and may_write_for(by, note.doctor)


def _is_own_entry(entry: ChartEntry | Measure | BodyChart, by: User) -> bool:
    return entry.doctor_id == by.pk and by.can(Permission.WRITE_CLINICAL_FIELDS)


def _is_own_plan(plan: PlanOfCare, by: User) -> bool:
    return plan.doctor_id == by.pk and by.can(Permission.WRITE_RECORDS)


def _is_open_form(form: PatientForm, by: User) -> bool:
    return form.state == FormState.ASKED and by.can(Permission.ASK_FOR_FORMS)


def _is_own_loose_file(file: Attachment, by: User) -> bool:
    """Return whether it is the person's own file and nothing finalised or signed refers to it."""
    is_own = file.uploaded_by_id == by.pk and by.can(Permission.ADD_FILES)
    if is_own and PatientForm.objects.filter(file=file).exists():
        return False
    return is_own and (file.note is None or file.note.status == NoteStatus.DRAFT) and not _is_named_by_a_record(file)


def _is_named_by_a_record(file: Attachment) -> bool:
    """Return whether a record refers to the file. Attachments are encrypted, but one patient has few records. A record
    that cannot be decrypted may refer to it."""
    records = MedicalRecord.objects.filter(patient=file.patient_id).only("attachments")
    versions = RecordVersion.objects.filter(record__patient=file.patient_id, record__deletion=None).only("content")
    try:
        return any(file.pk in referenced_files(record.attachments).values() for record in records) or any(
            file.pk in referenced_files(version.content.get("attachments", ())).values() for version in versions
        )
    except DecryptionError:
        return True


def _check_its_appointment(row: SessionNote | MedicalRecord) -> None:
    if row.appointment is not None and row.appointment.deletion_id is not None:
        raise Conflict(_("Its appointment has been deleted. Restore the appointment first."))


def _check_its_note(file: Attachment | BodyChart) -> None:
    if file.note is not None and file.note.deletion_id is not None:
        raise Conflict(_("Its session note is deleted: restore the session note."))


@receiver(pre_soft_delete, sender=Appointment)
def check_nothing_is_written_of_it(*, row: Appointment, **kwargs: Any) -> None:
    for model, sentence in WRITTEN_OF_IT.items():
        if model.objects.filter(appointment=row).exists():
            raise Conflict(sentence)


register_deletable(
    MedicalRecord,
    name="record",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only an office manager can delete a medical record. Amend it to correct a mistake."),
    check_restorable=_check_its_appointment,
    conflict_message=_("Its appointment now has another medical record."),
    retention_starts_at=Greatest("date", "created_at", Coalesce("amended_at", "created_at")),
)
register_deletable(
    SessionNote,
    name="session",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only the author can delete a draft, and only an office manager can delete a finalised note."),
    is_own=_is_own_draft,
    check_restorable=_check_its_appointment,
    conflict_message=_("Its appointment now has another session note by this doctor."),
    retention_starts_at=Case(
        When(finalised_at__isnull=False, then=Greatest("date", Coalesce("amended_at", "finalised_at")))
    ),
    parts=lambda note: [Attachment.objects.filter(note=note), BodyChart.objects.filter(note=note)],
    parts_message=_(
        "Its body charts and files are hidden and restored with it, including those that a medical record refers to."
    ),
)
register_deletable(
    PlanOfCare,
    name="plan",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only the author or an office manager can delete a plan of care."),
    is_own=_is_own_plan,
    retention_starts_at=F("updated_at"),
)
register_deletable(
    ChartEntry,
    name="chartEntry",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_(
        "Only who wrote it or an office manager can delete it. If it is no longer true, enter the day on which it "
        "ended."
    ),
    is_own=_is_own_entry,
    retention_starts_at=F("updated_at"),
)
register_deletable(
    Measure,
    name="measure",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only who wrote it or an office manager can delete a measure. Correct it instead."),
    is_own=_is_own_entry,
    retention_starts_at=Greatest("measured_at", "created_at", Coalesce("amended_at", "created_at")),
)
register_deletable(
    BodyChart,
    name="bodyChart",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only who drew it or an office manager can delete a body chart. Correct it instead."),
    is_own=_is_own_entry,
    check_restorable=_check_its_note,
    retention_starts_at=Greatest("drawn_at", "created_at", Coalesce("amended_at", "created_at")),
)
register_deletable(
    PatientForm,
    name="form",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only an office manager can delete a form that was filled in. A consent can be withdrawn."),
    is_own=_is_open_form,
    retention_starts_at=Coalesce("completed_at", "updated_at"),
    parts=lambda form: [Attachment.objects.filter(pk=form.file_id)],
    parts_message=_("Its signed file is hidden and restored with it."),
)
register_deletable(
    Attachment,
    name="attachment",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_(
        "Only an office manager can delete a file that someone else added, or that a record or a finalised note refers "
        "to."
    ),
    is_own=_is_own_loose_file,
    check_restorable=_check_its_note,
    retention_starts_at=F("created_at"),
    erase=lambda file: storage.remove(file.storage_name),
)
