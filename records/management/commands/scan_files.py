"""`manage.py scan_files`: the virus scan of files that could not be scanned when they came."""

import signal
import threading
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from tqdm import tqdm

from core.errors import Unavailable
from core.tenancy import practice_scope
from integrations.virus_scan import Reason, ScanFailed
from practices.models import Practice
from records.files import scanning
from records.files.scanning import Scanned
from records.models import Attachment
from records.models.attachment import State

WHY = {
    Reason.TOO_LARGE: "too large for the scanner's own limits: raise StreamMaxLength and MaxFileSize of clamd",
    Reason.TIMEOUT: "the scanner took longer than VIRUS_SCAN_TIMEOUT",
    Reason.ERROR: "the scanner broke off",
    scanning.UNREADABLE: "the file cannot be read: see manage.py reconcile_files",
}


class Command(BaseCommand):
    help = (
        "Scan the files that wait in quarantine, in every practice. Clean ones are served from then on, infected ones "
        "never. The exit code is 1 where a file could not be scanned; it stays in quarantine."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--every", type=int, metavar="SECONDS",
            help="go on until SIGTERM or Ctrl-C; a file that could not be scanned waits longer each time",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is None:
            if not self._scan(at_once=True):
                raise CommandError("Not all files could be scanned.")
        elif options["every"] < 1:
            raise CommandError("--every takes a number of seconds of at least 1.")
        else:
            self._keep_scanning(options["every"])

    def _scan(self, *, at_once: bool, stop: threading.Event | None = None) -> bool:
        """Whether each file whose turn it was could be scanned."""
        states: Counter[str] = Counter()
        could = True
        try:
            for scanned in _run(at_once=at_once):
                states[scanned.state] += 1
                self._name(scanned)
                if stop is not None and stop.is_set():
                    break
        except ScanFailed:
            could = self._complain("The virus scanner does not answer.")
        except Unavailable as error:
            could = self._complain(str(error))
        if states or at_once:
            clean, infected = states[State.READY], states[State.INFECTED]
            self.stdout.write(f"{clean:,} clean, {infected:,} infected, {_count_waiting():,} in quarantine.")
        return could and not states[State.QUARANTINED]

    def _name(self, scanned: Scanned) -> None:
        if scanned.state != State.READY:
            why = WHY[scanned.why] if scanned.why else "infected, and never served"
            self._complain(f"File {scanned.attachment_id}: {why}.")

    def _complain(self, sentence: str) -> bool:
        with tqdm.external_write_mode():
            self.stderr.write(self.style.ERROR(sentence))
        return False

    def _keep_scanning(self, seconds: int) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *received: stop.set())
        while not stop.is_set():
            try:
                self._scan(at_once=False, stop=stop)
            except DatabaseError as error:  # it may be back by the next time
                self._complain(f"The database does not answer: {type(error).__name__}.")
            connection.close()
            stop.wait(seconds)


def _run(*, at_once: bool) -> Iterator[Scanned]:
    """Raises ScanFailed and Unavailable where the rest could not be scanned either."""
    for practice_id in _practices():
        with practice_scope(practice_id):
            files = scanning.waiting(at_once=at_once)
        for attachment_id in tqdm(files, unit=" files", desc="scanning", disable=None):
            scanned = _scan_one(practice_id, attachment_id, at_once=at_once)
            if scanned is not None:
                yield scanned


def _scan_one(practice_id: UUID, attachment_id: UUID, *, at_once: bool) -> Scanned | None:
    with practice_scope(practice_id):
        return scanning.scan_again(attachment_id, at_once=at_once)


def _count_waiting() -> int:
    total = 0
    for practice_id in _practices():
        with practice_scope(practice_id):
            total += Attachment.with_deleted.filter(state=State.QUARANTINED).count()
    return total


def _practices() -> list[UUID]:
    return list(Practice.objects.order_by("pk").values_list("pk", flat=True))
