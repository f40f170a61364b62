"""The virus scan of files that could not be scanned when they were uploaded: they are in quarantine (docs/adr/0018).

A runner writes down when it started on a file and holds no lock during the scan. If it is killed, the file stays in
quarantine and, after a while, any runner may take it again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import log
from audit.events import AuditEvent
from core.errors import Unavailable
from core.tenancy.scope import practice_scope
from integrations import virus_scan
from integrations.virus_scan import Reason, ScanFailed, Verdict
from practices.models import Practice
from records.attachments.storage import StorageUnavailable, open_file
from records.models import Attachment
from records.models.attachment import FileState

READ_TIME = timedelta(seconds=30)  # on top of the scan itself
MAX_WAIT = timedelta(days=1)
UNREADABLE = "unreadable"  # in storage: run reconcile_files


class ScanResult(NamedTuple):
    """The file's new state; if it stays in quarantine, also why: a Reason, or UNREADABLE."""

    attachment_id: UUID
    state: FileState
    reason: str = ""


def list_due(*, at_once: bool = False) -> list[UUID]:
    """Return the practice's files that are due for a scan, least tried first; deleted ones too, since they may be
    restored. After each failed scan a file waits longer: one minute, two, four, up to a day, unless `at_once`."""
    files = Attachment.with_deleted.filter(state=FileState.QUARANTINED).order_by("scan_tries", "id")
    tried = files.values_list("pk", "scan_tries", "scanned_at")
    return [pk for pk, tries, since in tried if _is_due(tries, since, at_once=at_once)]


def rescan_all(*, at_once: bool = False, shown: Callable[[list[UUID]], Iterable[UUID]] = list) -> Iterator[ScanResult]:
    """Scan the files that are due, in every practice, and yield each result. `shown` is called with each practice's
    files and returns them. Raises ScanFailed and Unavailable if the remaining files could not be scanned either."""
    for practice_id in list(Practice.objects.order_by("pk").values_list("pk", flat=True)):
        with practice_scope(practice_id):
            files = list_due(at_once=at_once)
        for attachment_id in shown(files):
            with practice_scope(practice_id):
                scanned = rescan(attachment_id, at_once=at_once)
            if scanned is not None:
                yield scanned


def rescan(attachment_id: UUID, *, at_once: bool = False) -> ScanResult | None:
    """Scan a file in quarantine. Return None if another runner has it or there is nothing left to scan. Raises
    ScanFailed if the scanner is unreachable, and StorageUnavailable; neither counts as a try."""
    file = _take(attachment_id, at_once=at_once)
    if file is None:
        return None
    try:
        with closing(open_file(file)) as chunks:
            verdict = virus_scan.scan(chunks)
    except StorageUnavailable:
        _release(file.pk)
        raise
    except Unavailable:
        return ScanResult(file.pk, FileState.QUARANTINED, UNREADABLE)
    except ScanFailed as failure:
        if failure.reason == Reason.UNREACHABLE:
            _release(file.pk)
            raise
        return ScanResult(file.pk, FileState.QUARANTINED, failure.reason)
    return _save_verdict(file.pk, verdict)


def _is_due(tries: int, since: datetime | None, *, at_once: bool) -> bool:
    """Return whether the file may be scanned; never while another runner may still be scanning it."""
    if since is None:
        return True
    wait = timedelta(seconds=settings.VIRUS_SCAN_TIMEOUT) + READ_TIME
    if not at_once:
        wait = max(wait, min(timedelta(minutes=2 ** min(tries - 1, 16)), MAX_WAIT))
    return since + wait <= timezone.now()


@transaction.atomic
def _take(attachment_id: UUID, *, at_once: bool) -> Attachment | None:
    file = _lock_quarantined(attachment_id, skip_locked=True)
    if file is None or not _is_due(file.scan_tries, file.scanned_at, at_once=at_once):
        return None
    _record_try(file, tries=file.scan_tries + 1, since=timezone.now())
    return file


@transaction.atomic
def _release(attachment_id: UUID) -> None:
    file = _lock_quarantined(attachment_id)
    if file is not None:
        _record_try(file, tries=file.scan_tries - 1, since=None)


def _record_try(file: Attachment, *, tries: int, since: datetime | None) -> None:
    file.scan_tries, file.scanned_at = tries, since
    file.save(update_fields=["scan_tries", "scanned_at"])


@transaction.atomic
def _save_verdict(attachment_id: UUID, verdict: Verdict) -> ScanResult | None:
    """Save the verdict; return None if the file was purged or another runner finished first."""
    file = _lock_quarantined(attachment_id)
    if file is None:
        return None
    file.state = FileState.READY if verdict.clean else FileState.INFECTED
    file.save(update_fields=["state", "updated_at"])
    log.record(
        AuditEvent.FILE_SCANNED,
        practice_id=file.practice_id,
        patients=file.about_patients(),
        about=Attachment._meta.label,
        about_id=file.pk,
        state=file.state,
        found=verdict.found,
    )
    return ScanResult(file.pk, file.state)


def _lock_quarantined(attachment_id: UUID, *, skip_locked: bool = False) -> Attachment | None:
    """Return the row, locked, if it is still in quarantine."""
    files = Attachment.with_deleted.select_for_update(of=("self",), skip_locked=skip_locked)
    file: Attachment | None = files.filter(pk=attachment_id, state=FileState.QUARANTINED).first()
    return file
