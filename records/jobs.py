"""What the worker does for files."""

from contextlib import closing
from datetime import time, timedelta

from django.utils.translation import gettext_lazy as _

from core.errors import Unavailable
from integrations.virus_scan import ScanFailed
from notifications.jobs import Again, GiveUp, scheduled, stopping
from records.attachments import scanning
from records.attachments.reconcile import NOT_YOUNGER, Reconciliation, UnknownFiles, log_run
from records.attachments.storage import StorageUnavailable


@scheduled("files.scan", _("Scan new files for viruses"), every=timedelta(minutes=1))
def scan() -> None:
    """Scan the files in quarantine whose time has come, as `manage.py scan_files --every 60` does."""
    try:
        for _scanned in scanning.rescan_all():
            if stopping():
                return
    except ScanFailed as error:
        raise GiveUp("The virus scanner is not responding.") from error
    except Unavailable as error:
        raise GiveUp("The files can't be read.") from error


@scheduled(
    "files.reconcile",
    _("Compare files with their storage"),
    daily_at=time(2, 40),
    max_attempts=4,
    first_delay=timedelta(minutes=10),
)
def reconcile() -> None:
    """Compare storage and rows, as `manage.py reconcile_files` does; a person decides where most would be removed."""
    trial = Reconciliation(NOT_YOUNGER, dry_run=True)
    _run(trial)
    if mismatch := trial.find_mismatch():
        raise GiveUp(f"{mismatch} Nothing was done: run manage.py reconcile_files.")
    work, state = Reconciliation(NOT_YOUNGER), "stopped"
    try:
        _run(work)
        state = "done"
    finally:
        log_run(work, state)
    if work.lost:
        raise GiveUp(f"{len(work.lost)} files are missing from storage: manage.py reconcile_files names them.")


def _run(work: Reconciliation) -> None:
    try:
        with closing(work.run()) as run:
            for _folder in run:
                if stopping():
                    raise Again("The worker was told to stop.", after=timedelta(minutes=1))
    except StorageUnavailable as error:
        raise Again("The storage is not responding.") from error
    except UnknownFiles as error:
        raise GiveUp("The storage has files, and the database knows none of them.") from error
