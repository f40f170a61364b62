"""Adding, renaming and sorting files of charts, and who looked at them first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import log
from audit.events import AuditEvent, Outcome
from core.encryption.streams import Spool
from core.errors import Forbidden, Invalid, QuotaExceeded, Refusal, TooLarge
from core.permissions import Permission
from core.tenancy.scope import current_practice_id
from integrations.virus_scan import ScanFailed, scan
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import lock_chart
from records.attachments import media_types, quota, storage
from records.attachments.sandbox import FileRefused, clean_file
from records.attachments.uploads import Upload
from records.models import Attachment, SessionNote
from records.models.attachment import FileCategory, FileState, MediaType

logger = structlog.get_logger("praxis.files")
LABEL = Attachment._meta.label


class Infected(Refusal):
    """400: the scanner found something in an upload. The sender is not told what."""

    reason = "malware"

    def __init__(self) -> None:
        sentence = _("A virus was found in this file, so it was rejected. Ask whoever sent it for a clean copy.")
        super().__init__(sentence, errors={"file": [sentence]})


def get_file(*, by: User, attachment_id: UUID) -> Attachment:
    """Return the file. Raises NotFound, and Forbidden if its chart is closed to `by`."""
    found: Attachment = Attachment.objects.readable_by(by).with_people().get_or_refuse(pk=attachment_id)
    check_access(by, found.patient)
    return found


# --- Adding -----------------------------------------------------------------------------------------------------------


def look_at(*, by: User, file: Attachment) -> None:
    """Keep that a clinician has opened the file, if none has before. The trail has who opened it in any case."""
    if file.seen_at is None and by.can(Permission.WRITE_RECORDS):
        Attachment.objects.filter(pk=file.pk, seen_at=None).update(seen_by=by, seen_at=timezone.now())


def add_file(
    *,
    by: User,
    file: Upload,
    patient_id: UUID,
    note_id: UUID | None = None,
    category: str = FileCategory.OTHER,
) -> Attachment:
    """Scan, clean and store an upload, and only then report it: ready, or in quarantine if it could not be scanned.
    This is not a single transaction, since storage takes no part in one: a row in the state `storing` is committed
    before anything is stored, so that `reconcile_files` finds whatever is interrupted in between.

    Raises NotFound, Forbidden, Invalid; Infected, FileRefused and QuotaExceeded, which are logged; and
    StorageUnavailable.
    """
    with transaction.atomic():
        patient = _lock_target(by=by, patient_id=patient_id, note_id=note_id)[0]
    with audit_rejections(by=by, patients=[patient.pk]):
        quota.check_quota(patient_id=patient.pk, size=file.size)  # before spending any work on it
        state = _scanned(file)
        row = Attachment(uploaded_by=by, storage_name=storage.new_name(), category=category)
        if by.can(Permission.WRITE_RECORDS):
            row.seen_by, row.seen_at = by, timezone.now()
        with storage.new_spool(row) as spool:
            with clean_file(file.chunks(), name=file.name, declared_type=file.declared_type) as clean:
                row.name, row.media_type = clean.name, clean.media_type
                spool.fill(clean.chunks())
            row.size = spool.size  # the child's turn ends here: storing may take a while
            return _store(row, spool, by=by, patient_id=patient.pk, note_id=note_id, state=state)


def _lock_target(*, by: User, patient_id: UUID, note_id: UUID | None) -> tuple[Patient, SessionNote | None]:
    """Return the chart, locked, and the note that the file belongs to."""
    patient = check_access(by, lock_chart(by=by, patient_id=patient_id))
    if note_id is None:
        return patient, None
    note: SessionNote = SessionNote.objects.visible_to(by).only("patient", "doctor").get_or_refuse(pk=note_id)
    if note.patient_id != patient.pk:
        raise Invalid("sessionId", _("This session note belongs to another patient."))
    if note.doctor_id != by.pk:
        raise Forbidden(_("Only the author of a session note can add files to it."))
    return patient, note


@contextmanager
def audit_rejections(*, by: User, patients: list[UUID]) -> Iterator[None]:
    """Log files that are rejected inside the block, with the reason and nothing about the file."""
    try:
        yield
    except (FileRefused, Infected, TooLarge, QuotaExceeded) as refusal:
        log.record(
            AuditEvent.FILE_REJECTED,
            practice_id=current_practice_id(),
            outcome=Outcome.REFUSED,
            user_id=by.pk,
            role=by.role,
            patients=patients,
            about=LABEL,
            reason=_reason(refusal),
        )
        raise


def _reason(refusal: Refusal) -> str:
    if isinstance(refusal, FileRefused | Infected):
        return refusal.reason
    return "too_large" if isinstance(refusal, TooLarge) else "full"


def _scanned(file: Upload) -> FileState:
    """Scan the upload before it is cleaned, so that the scanner sees what is hidden inside a document."""
    try:
        verdict = scan(file.chunks())
    except ScanFailed as failure:
        logger.warning("an upload could not be scanned", reason=failure.reason.value)
        return FileState.QUARANTINED
    if not verdict.clean:
        raise Infected
    return FileState.READY


def _store(
    row: Attachment, spool: Spool, *, by: User, patient_id: UUID, note_id: UUID | None, state: FileState
) -> Attachment:
    _claim(row, by=by, patient_id=patient_id, note_id=note_id)
    try:
        storage.save(row.storage_name, spool)
        return _finish(row, state)
    except BaseException:
        _give_up(row)
        raise


@transaction.atomic
def _claim(row: Attachment, *, by: User, patient_id: UUID, note_id: UUID | None) -> None:
    """Save the row; the chart may have been closed, or the quota used up, while the file was being checked."""
    row.patient, row.note = _lock_target(by=by, patient_id=patient_id, note_id=note_id)
    quota.lock_quota()
    quota.check_quota(patient_id=patient_id, size=row.size)
    row.save(force_insert=True)


@transaction.atomic
def _finish(row: Attachment, state: FileState) -> Attachment:
    """Mark the file as stored. The chart may have been deleted meanwhile, and then hides the file as well."""
    if storage.lock_unfinished(row.pk) is None:
        raise storage.StorageUnavailable  # it took so long that reconcile_files removed it
    row.state = state
    row.scanned_at = timezone.now() if state == FileState.READY else None
    row.save(update_fields={"state", "scanned_at", "updated_at"})
    log.record_change(row, kind=AuditEvent.CREATED, fields=["category", "media_type", "name", "note", "size", "state"])
    return row


def _give_up(row: Attachment) -> None:
    """Remove an interrupted upload now, if possible; otherwise reconcile_files does."""
    try:
        storage.discard(row.pk)
    except Exception as error:
        logger.error("an unfinished file is left behind", attachment_id=str(row.pk), error=type(error).__name__)


def keep_made(*, by: User, patient_id: UUID, name: str, content: bytes, then: Callable[[Attachment], None]) -> None:
    """Store a PDF that Praxis itself has made, such as a signed form; `then` is called with the file in the transaction
    in which it becomes ready, and what it raises undoes everything. Raises NotFound, Forbidden, QuotaExceeded and
    StorageUnavailable."""
    row = Attachment(uploaded_by=by, storage_name=storage.new_name(), name=name, media_type=MediaType.PDF)
    with storage.new_spool(row) as spool:
        spool.fill([content])
        row.size = spool.size
        _claim(row, by=by, patient_id=patient_id, note_id=None)
        try:
            storage.save(row.storage_name, spool)
            with transaction.atomic():
                then(_finish(row, FileState.READY))
        except BaseException:
            _give_up(row)
            raise


# --- Renaming and sorting ---------------------------------------------------------------------------------------------


def may_rename(by: User, file: Attachment) -> bool:
    return file.uploaded_by_id == by.pk or by.can(Permission.DELETE_CLINICAL)


@transaction.atomic
def change_file(*, by: User, attachment_id: UUID, name: str | None = None, category: str | None = None) -> Attachment:
    """Rename a file, keeping its extension: by the person who uploaded it, or an office manager. Everybody who adds
    files may put it in another category. Raises NotFound, Forbidden and Invalid."""
    patient_id = get_file(by=by, attachment_id=attachment_id).patient_id
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    row: Attachment = Attachment.objects.select_for_update(of=("self",)).with_people().get_or_refuse(pk=attachment_id)
    changed = []
    if name is not None and (new := _new_name(row, name, by)) != row.name:
        row.name, changed = new, ["name"]
    if category is not None and category != row.category:
        row.category, changed = category, ["category", *changed]
    if changed:
        row.save(update_fields={*changed, "updated_at"})
        log.record_change(row, kind=AuditEvent.CHANGED, fields=changed)
    row.patient = chart
    return row


def _new_name(row: Attachment, name: str, by: User) -> str:
    if not may_rename(by, row):
        raise Forbidden(_("Only the person who uploaded a file or an office manager can rename it."))
    return media_types.rename_keeping_extension(row.name, name)
