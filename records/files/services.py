"""Adding files to charts, and naming them anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from audit import trail
from audit.events import Kind, Outcome
from core.encryption.streams import Spool
from core.errors import Forbidden, Full, Invalid, Refusal, TooLarge
from core.tenancy import current_practice_id
from integrations.virus_scan import ScanFailed, scan
from patients.models import Patient
from patients.restriction import check_open
from patients.services import held_chart
from records.files import kinds, quota, storing
from records.files.inspect import FileRefused, cleaned
from records.files.uploading import Upload
from records.models import Attachment, SessionNote
from records.models.attachment import State

logger = structlog.get_logger("praxis.files")
LABEL = Attachment._meta.label


class Infected(Refusal):
    """400: the scanner has found something in an upload. What it calls it is not the sender's business."""

    reason = "malware"

    def __init__(self) -> None:
        sentence = "A virus was found in this file, so it is not taken."
        super().__init__(sentence, errors={"file": [sentence]})


def file_for(*, by: User, attachment_id: UUID) -> Attachment:
    """Raises Missing, and Restricted where its chart is closed to `by`."""
    found: Attachment = Attachment.objects.readable_by(by).with_people().found(pk=attachment_id)
    check_open(by, found.patient)
    return found


# --- Adding -----------------------------------------------------------------------------------------------------------


def add_file(*, by: User, file: Upload, patient_id: UUID, note_id: UUID | None = None) -> Attachment:
    """Scan, clean and store an upload, and only then say that it is there: ready, or in quarantine where nobody could
    scan it. It is no single transaction, for the storage takes part in none: a row in the state `storing` is committed
    before the storage gets the file, so that whatever is broken off in between is found by `reconcile_files`.

    Raises Missing, Restricted, Forbidden, Invalid; Infected, FileRefused and Full, which the trail tells; and
    StorageDown."""
    with transaction.atomic():
        patient, _ = _place(by=by, patient_id=patient_id, note_id=note_id)
    with turned_away_told(by=by, patients=[patient.pk]):
        quota.check_room(patient_id=patient.pk, size=file.size)  # before work is put into it
        state = _scanned(file)
        row = Attachment(uploaded_by=by, storage_name=storing.new_name())
        with storing.new_spool(row) as spool:
            with cleaned(file.chunks(), name=file.name, declared_type=file.declared_type) as clean:
                row.name, row.media_type = clean.name, clean.media_type
                spool.fill(clean.chunks())
            row.size = spool.size  # from here on others may have their files looked at: the storage takes its time
            return _store(row, spool, by=by, patient_id=patient.pk, note_id=note_id, state=state)


def _place(*, by: User, patient_id: UUID, note_id: UUID | None) -> tuple[Patient, SessionNote | None]:
    """The chart, held, and the note that the file is to belong to."""
    patient = check_open(by, held_chart(by=by, patient_id=patient_id))
    if note_id is None:
        return patient, None
    note: SessionNote = SessionNote.objects.visible_to(by).only("patient", "doctor").found(pk=note_id)
    if note.patient_id != patient.pk:
        raise Invalid("sessionId", "This session note is another patient's.")
    if note.doctor_id != by.pk:
        raise Forbidden("Only its author adds files to a session note.")
    return patient, note


@contextmanager
def turned_away_told(*, by: User, patients: list[UUID]) -> Iterator[None]:
    """What is refused inside for what it is, or for want of room: the trail tells why, and nothing of the file."""
    try:
        yield
    except (FileRefused, Infected, TooLarge, Full) as refusal:
        trail.record(
            Kind.FILE_TURNED_AWAY,
            practice_id=current_practice_id(),
            outcome=Outcome.REFUSED,
            patients=patients,
            about=LABEL,
            reason=_reason(refusal),
        )
        raise


def _reason(refusal: Refusal) -> str:
    if isinstance(refusal, FileRefused | Infected):
        return refusal.reason
    return "too_large" if isinstance(refusal, TooLarge) else "full"


def _scanned(file: Upload) -> State:
    """As it came, so that what hides inside a document is found before cleaning takes it apart."""
    try:
        verdict = scan(file.chunks())
    except ScanFailed as failure:
        logger.warning("an upload could not be scanned", reason=failure.reason.value)
        return State.QUARANTINED
    if not verdict.clean:
        raise Infected
    return State.READY


def _store(
    row: Attachment, spool: Spool, *, by: User, patient_id: UUID, note_id: UUID | None, state: State
) -> Attachment:
    _claim(row, by=by, patient_id=patient_id, note_id=note_id)
    try:
        storing.save(row.storage_name, spool)
        return _finish(row, state)
    except BaseException:
        _give_up(row)
        raise


@transaction.atomic
def _claim(row: Attachment, *, by: User, patient_id: UUID, note_id: UUID | None) -> None:
    """Whatever has changed while the file was looked at counts: the chart may be closed now, or the room taken."""
    row.patient, row.note = _place(by=by, patient_id=patient_id, note_id=note_id)
    quota.hold_room()
    quota.check_room(patient_id=patient_id, size=row.size)
    row.save(force_insert=True)


@transaction.atomic
def _finish(row: Attachment, state: State) -> Attachment:
    """The chart may have been deleted meanwhile, and hides the file with it."""
    if storing.unfinished(row.pk) is None:
        raise storing.StorageDown  # it took longer than reconcile_files waits
    row.state = state
    row.scanned_at = timezone.now() if state == State.READY else None
    row.save(update_fields={"state", "scanned_at", "updated_at"})
    trail.record_change(row, kind=Kind.CREATED, fields=["media_type", "name", "note", "size", "state"])
    return row


def _give_up(row: Attachment) -> None:
    """Nothing is left of it where that can be done now; reconcile_files does it else."""
    try:
        storing.discard(row.pk)
    except Exception as error:
        logger.error("an unfinished file is left behind", attachment_id=str(row.pk), error=type(error).__name__)


# --- Naming anew ------------------------------------------------------------------------------------------------------


@transaction.atomic
def rename(*, by: User, attachment_id: UUID, name: str) -> Attachment:
    """By whoever uploaded it, or an office manager. The extension stays. Raises Missing, Restricted, Forbidden and
    FileRefused for what is no name."""
    patient_id = file_for(by=by, attachment_id=attachment_id).patient_id
    chart = check_open(by, held_chart(by=by, patient_id=patient_id))
    row: Attachment = Attachment.objects.select_for_update(of=("self",)).with_people().found(pk=attachment_id)
    if row.uploaded_by_id != by.pk and not by.can(Permission.DELETE_CLINICAL):
        raise Forbidden("Only whoever uploaded a file, or an office manager, renames it.")
    new = kinds.renamed(row.name, name)
    if new != row.name:
        row.name = new
        row.save(update_fields={"name", "updated_at"})
        trail.record_change(row, kind=Kind.CHANGED, fields=["name"])
    row.patient = chart
    return row
