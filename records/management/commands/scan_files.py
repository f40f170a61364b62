"""`manage.py scan_files`: the virus scan of files that could not be scanned when they were uploaded."""

import threading
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from tqdm import tqdm

from core.errors import Unavailable
from core.termination import set_on_termination
from integrations.virus_scan import Reason, ScanFailed
from practices.services import each_practice
from records.attachments import scanning
from records.attachments.scanning import ScanResult
from records.models import Attachment
from records.models.attachment import FileState

REASONS = {
    Reason.TOO_LARGE: "too large for the scanner: raise StreamMaxLength and MaxFileSize of clamd",
    Reason.TIMEOUT: "the scanner took longer than VIRUS_SCAN_TIMEOUT",
    Reason.ERROR: "the scanner failed",
    scanning.UNREADABLE: "the file cannot be read: run manage.py reconcile_files",
}


class Command(BaseCommand):
    help = (
        "Scan the files in quarantine, in every practice. Clean files can be downloaded from then on, infected ones "
        "never. If a file could not be scanned it stays in quarantine, and the exit code is 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--every", type=int, metavar="SECONDS",
            help="repeat until SIGTERM or Ctrl-C; a file that could not be scanned waits longer each time",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is None:
            if not self._scan(at_once=True):
                raise CommandError("Some files could not be scanned.")
        elif options["every"] < 1:
            raise CommandError("--every must be at least 1 second.")
        else:
            self._keep_scanning(options["every"])

    def _scan(self, *, at_once: bool, stop: threading.Event | None = None) -> bool:
        """Scan the files that are due and return whether all of them could be scanned."""
        states: Counter[str] = Counter()
        all_scanned = True
        try:
            for scanned in scanning.rescan_all(at_once=at_once, shown=_show_progress):
                states[scanned.state] += 1
                self._report(scanned)
                if stop is not None and stop.is_set():
                    break
        except ScanFailed:
            all_scanned = self._print_error("The virus scanner is not responding.")
        except Unavailable as error:
            all_scanned = self._print_error(str(error))
        if states or at_once:
            clean, infected = states[FileState.READY], states[FileState.INFECTED]
            self.stdout.write(f"{clean:,} clean, {infected:,} infected, {_count_waiting():,} in quarantine.")
        return all_scanned and not states[FileState.QUARANTINED]

    def _report(self, scanned: ScanResult) -> None:
        if scanned.state != FileState.READY:
            reason = REASONS[scanned.reason] if scanned.reason else "infected; it cannot be downloaded"
            self._print_error(f"File {scanned.attachment_id}: {reason}.")

    def _print_error(self, sentence: str) -> bool:
        with tqdm.external_write_mode():
            self.stderr.write(self.style.ERROR(sentence))
        return False

    def _keep_scanning(self, seconds: int) -> None:
        stop = set_on_termination()
        while not stop.is_set():
            try:
                self._scan(at_once=False, stop=stop)
            except DatabaseError as error:  # it may be back next time
                self._print_error(f"The database is not responding: {type(error).__name__}.")
            connection.close()
            stop.wait(seconds)


def _count_waiting() -> int:
    quarantined = {"state": FileState.QUARANTINED}
    return sum(Attachment.with_deleted.filter(**quarantined).count() for _practice in each_practice())


def _show_progress(files: list[UUID]) -> Iterable[UUID]:
    return tqdm(files, unit=" files", desc="scanning", disable=None)
