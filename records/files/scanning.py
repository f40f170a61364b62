"""The virus scan of files that nobody could scan when they came: they wait in quarantine (docs/adr/0018).

Whoever scans a file writes down when it was begun, and holds no lock while it takes: a runner that is killed leaves a
file that waits as before and, once its time is over, is anybody's again.
"""

from contextlib import closing
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.events import Kind
from core.errors import Unavailable
from integrations import virus_scan
from integrations.virus_scan import Reason, ScanFailed, Verdict
from records.files.storing import StorageDown, open_file
from records.models import Attachment
from records.models.attachment import State

TO_READ_IT = timedelta(seconds=30)  # beside the scan
LONGEST_WAIT = timedelta(days=1)
UNREADABLE = "unreadable"  # in the storage: reconcile_files says more


class Scanned(NamedTuple):
    """What a file is now; of one that still waits also why: a Reason, or UNREADABLE."""

    attachment_id: UUID
    state: State
    why: str = ""


def waiting(*, at_once: bool = False) -> list[UUID]:
    """The practice's files whose turn it is, deleted ones too, for they may be restored: first those that were tried
    least. A file that could not be scanned waits longer each time, a minute, two, four, up to a day; not `at_once`."""
    files = Attachment.with_deleted.filter(state=State.QUARANTINED).order_by("scan_tries", "id")
    tried = files.values_list("pk", "scan_tries", "scanned_at")
    return [pk for pk, tries, since in tried if _is_due(tries, since, at_once=at_once)]


def scan_again(attachment_id: UUID, *, at_once: bool = False) -> Scanned | None:
    """Scan a file in quarantine; None where it is somebody else's turn, or there is nothing to scan any more. Raises
    ScanFailed where no scanner answers, and StorageDown: the file counts as not tried then."""
    file = _take(attachment_id, at_once=at_once)
    if file is None:
        return None
    try:
        with closing(open_file(file)) as chunks:
            verdict = virus_scan.scan(chunks)
    except StorageDown:
        _give_back(file.pk)
        raise
    except Unavailable:
        return Scanned(file.pk, State.QUARANTINED, UNREADABLE)
    except ScanFailed as failure:
        if failure.reason == Reason.UNREACHABLE:
            _give_back(file.pk)
            raise
        return Scanned(file.pk, State.QUARANTINED, failure.reason)
    return _settle(file.pk, verdict)


def _is_due(tries: int, since: datetime | None, *, at_once: bool) -> bool:
    """Not while somebody may still be at it, whatever else."""
    if since is None:
        return True
    wait = timedelta(seconds=settings.VIRUS_SCAN_TIMEOUT) + TO_READ_IT
    if not at_once:
        wait = max(wait, min(timedelta(minutes=2 ** min(tries - 1, 16)), LONGEST_WAIT))
    return since + wait <= timezone.now()


@transaction.atomic
def _take(attachment_id: UUID, *, at_once: bool) -> Attachment | None:
    file = _waiting(attachment_id, skip_locked=True)
    if file is None or not _is_due(file.scan_tries, file.scanned_at, at_once=at_once):
        return None
    _note(file, tries=file.scan_tries + 1, since=timezone.now())
    return file


@transaction.atomic
def _give_back(attachment_id: UUID) -> None:
    file = _waiting(attachment_id)
    if file is not None:
        _note(file, tries=file.scan_tries - 1, since=None)


def _note(file: Attachment, *, tries: int, since: datetime | None) -> None:
    file.scan_tries, file.scanned_at = tries, since
    file.save(update_fields=["scan_tries", "scanned_at"])


@transaction.atomic
def _settle(attachment_id: UUID, verdict: Verdict) -> Scanned | None:
    """Nothing is left to settle where the file was purged meanwhile, or another runner was faster."""
    file = _waiting(attachment_id)
    if file is None:
        return None
    file.state = State.READY if verdict.clean else State.INFECTED
    file.save(update_fields=["state", "updated_at"])
    trail.record(
        Kind.FILE_SCANNED,
        practice_id=file.practice_id,
        patients=file.about_patients(),
        about=Attachment._meta.label,
        about_id=file.pk,
        state=file.state,
        found=verdict.found,
    )
    return Scanned(file.pk, file.state)


def _waiting(attachment_id: UUID, *, skip_locked: bool = False) -> Attachment | None:
    """The row, locked, if it is in quarantine still."""
    files = Attachment.with_deleted.select_for_update(of=("self",), skip_locked=skip_locked)
    file: Attachment | None = files.filter(pk=attachment_id, state=State.QUARANTINED).first()
    return file
