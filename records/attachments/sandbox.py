"""Checking and cleaning an upload in a process of its own (docs/adr/0018)."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import BoundedSemaphore, Timer
from typing import IO

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import Unavailable
from records.attachments import media_types
from records.attachments.cleaning.refusals import RefusalReason
from records.attachments.media_types import FileRefused
from records.models.attachment import MediaType

__all__ = ["CleanedFile", "FileRefused", "clean_file"]

PART_BYTES = 64 * 1024
MAX_CHILDREN = 2  # per server process; each may use a gigabyte
WAIT_SECONDS = 2  # for one of them to finish
MAX_WAITING = max(1, settings.SERVER_THREADS // 2)  # the other threads serve everything else
CHILD_SECONDS = 30  # for one child, including its input and output
TOP = Path(__file__).resolve().parents[2]
START = (
    "import sys, runpy; sys.path.append(sys.argv[1]); "
    "runpy.run_module('records.attachments.cleaning', run_name='__main__')"
)

logger = structlog.get_logger("praxis.files")
_turns, _places = BoundedSemaphore(MAX_CHILDREN), BoundedSemaphore(MAX_WAITING)


class Busy(Unavailable):
    """503: the maximum number of files is being checked. `retry_after` is in seconds."""

    retry_after = 30

    def __init__(self) -> None:
        super().__init__(_("Many files are being checked right now. Please try again in a minute."))


def command(media_type: MediaType) -> list[str]:
    """Return the command that starts the child for a file of this type."""
    return [sys.executable, "-I", "-X", "utf8", "-c", START, str(TOP), media_type.value]


@dataclass(frozen=True)
class CleanedFile:
    """The cleaned file. `name` has an extension of `media_type`; `size` is in bytes, and may be larger than the
    upload."""

    media_type: MediaType
    name: str
    size: int
    _output: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        """Yield the cleaned file, once, in parts of up to 64 KiB. Raises FileRefused if the child ends too early."""
        left = self.size
        while left:
            part = self._output.read(min(left, PART_BYTES))
            if not part:
                raise FileRefused(RefusalReason.EFFORT)
            left -= len(part)
            yield part


@contextmanager
def clean_file(parts: Iterable[bytes], *, name: str, declared_type: str) -> Iterator[CleanedFile]:
    """Yield the cleaned file, for as long as the context is open. Raises FileRefused if name, declared type and content
    do not match, or the file is unsupported, hostile or broken; and Unavailable if too many files are being checked."""
    safe = media_types.safe_name(name)
    media_type = media_types.check_type(safe, declared_type)
    given = iter(parts)
    first = next((part for part in given if part), None)
    if first is None:
        raise FileRefused(RefusalReason.EMPTY)
    with _turn(), _Child(media_type) as child:
        kept_type, size = child.get_verdict(chain([first], given))
        yield CleanedFile(kept_type, media_types.with_extension_for(safe, kept_type), size, child.output)


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(blocking=False):
        _wait()
    try:
        yield
    finally:
        _turns.release()


def _wait() -> None:
    if not _places.acquire(blocking=False):
        raise Busy
    try:
        if not _turns.acquire(timeout=WAIT_SECONDS):
            raise Busy
    finally:
        _places.release()


class _Child:
    """The process that reads and cleans one file: without our environment or files, with limits that it sets itself
    before it reads (records/attachments/cleaning/__main__.py), and killed after CHILD_SECONDS."""

    def __init__(self, media_type: MediaType) -> None:
        self._media_type = media_type
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
                command(media_type),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a library's messages may contain parts of the file
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            logger.error("file_cleaner_not_started", error=type(error).__name__)
            raise Unavailable(_("Files can't be checked right now. Please try again in a minute.")) from error
        assert self._process.stdin and self._process.stdout
        self._input, self.output = self._process.stdin, self._process.stdout
        self._end = Timer(CHILD_SECONDS, self._process.kill)
        self._end.daemon = True
        self._end.start()

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._end.cancel()
        self._process.wait()
        self.output.close()
        self._close_input()

    def get_verdict(self, parts: Iterable[bytes]) -> tuple[MediaType, int]:
        self._send(parts)
        line = self.output.readline(1000)
        try:
            verdict = json.loads(line)
            if "refused" not in verdict:
                return MediaType(verdict["media_type"]), int(verdict["size"])
            reason, error = RefusalReason[verdict["refused"]], str(verdict["error"])
        except (ValueError, KeyError, TypeError) as no_verdict:
            raise FileRefused(self._why_it_ended()) from no_verdict
        logger.info("file_refused", why=reason.name, error=error, media_type=self._media_type.value)
        raise FileRefused(reason)

    def _send(self, parts: Iterable[bytes]) -> None:
        try:
            for part in parts:
                self._input.write(part)
        except BrokenPipeError:
            pass  # the child has ended; its answer or exit code says why
        self._close_input()

    def _close_input(self) -> None:
        try:
            self._input.close()
        except BrokenPipeError:
            pass  # the rest is not needed

    def _why_it_ended(self) -> RefusalReason:
        """Return why the child ended: a crash means a broken file; being killed by the clock, or for want of memory,
        means one that takes too much."""
        self.output.close()  # in case it is still writing
        self._process.wait()
        logger.warning("file_cleaner_ended", returncode=self._process.returncode, media_type=self._media_type.value)
        killed = self._process.returncode in (-9, -24)  # SIGKILL, SIGXCPU
        return RefusalReason.EFFORT if killed else RefusalReason.BROKEN
