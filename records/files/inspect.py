"""A file that came in, looked at and cleaned in a process of its own (docs/adr/0018)."""

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

from core.errors import Unavailable
from records.files import kinds
from records.files.cleaning.refusals import Why
from records.files.kinds import FileRefused
from records.models.attachment import MediaType

__all__ = ["Cleaned", "FileRefused", "cleaned"]

PART_BYTES = 64 * 1024
AT_ONCE = 2  # children of one server process; each may take a gigabyte
WAIT_SECONDS = 2  # for one of them to be done
WAITING = max(1, settings.SERVER_THREADS // 2)  # at most: the other threads are for who sends no file
SECONDS = 30  # that one child may take, its input and output included
TOP = Path(__file__).resolve().parents[2]
START = (
    "import sys, runpy; sys.path.append(sys.argv[1]); runpy.run_module('records.files.cleaning', run_name='__main__')"
)

logger = structlog.get_logger("praxis.files")
_turns, _places = BoundedSemaphore(AT_ONCE), BoundedSemaphore(WAITING)


class Busy(Unavailable):
    """503: as many files as may be are being looked at. `retry_after` is in seconds."""

    retry_after = 30

    def __init__(self) -> None:
        super().__init__("Many files are being looked at just now. Try again in a minute.")


def command(media_type: MediaType) -> list[str]:
    """What starts the child, for a file of this type."""
    return [sys.executable, "-I", "-X", "utf8", "-c", START, str(TOP), media_type.value]


@dataclass(frozen=True)
class Cleaned:
    """What may be kept of a file. `name` carries an extension of `media_type`; `size` is in bytes, and may be more
    than what was sent."""

    media_type: MediaType
    name: str
    size: int
    _output: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        """The cleaned file, once, in parts of up to 64 KiB. Raises FileRefused when the child ends before it does."""
        left = self.size
        while left:
            part = self._output.read(min(left, PART_BYTES))
            if not part:
                raise FileRefused(Why.EFFORT)
            left -= len(part)
            yield part


@contextmanager
def cleaned(parts: Iterable[bytes], *, name: str, declared_type: str) -> Iterator[Cleaned]:
    """The file that comes in `parts`, cleaned, as long as the context is open. Raises FileRefused when its name, its
    declared type and its content do not agree, when it is none of the types that are taken, or hostile, or broken; and
    Unavailable when too many files are being looked at."""
    safe = kinds.safe_name(name)
    media_type = kinds.agreed_type(safe, declared_type)
    given = iter(parts)
    first = next((part for part in given if part), None)
    if first is None:
        raise FileRefused(Why.EMPTY)
    with _turn(), _Child(media_type) as child:
        kept_type, size = child.verdict_on(chain([first], given))
        yield Cleaned(kept_type, kinds.named_as(safe, kept_type), size, child.output)


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
    """The process that reads and cleans one file: no environment, no files of ours, limits that it sets itself before
    it reads (records/files/cleaning/__main__.py), and an end after SECONDS."""

    def __init__(self, media_type: MediaType) -> None:
        self._media_type = media_type
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
                command(media_type),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a library's words may repeat what the file holds
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            logger.error("file_cleaner_not_started", error=type(error).__name__)
            raise Unavailable("Files cannot be looked at just now. Try again in a minute.") from error
        assert self._process.stdin and self._process.stdout
        self._input, self.output = self._process.stdin, self._process.stdout
        self._end = Timer(SECONDS, self._process.kill)
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

    def verdict_on(self, parts: Iterable[bytes]) -> tuple[MediaType, int]:
        self._send(parts)
        line = self.output.readline(1000)
        try:
            verdict = json.loads(line)
            if "refused" not in verdict:
                return MediaType(verdict["media_type"]), int(verdict["size"])
            why, error = Why[verdict["refused"]], str(verdict["error"])
        except (ValueError, KeyError, TypeError) as no_verdict:
            raise FileRefused(self._why_it_ended()) from no_verdict
        logger.info("file_refused", why=why.name, error=error, media_type=self._media_type.value)
        raise FileRefused(why)

    def _send(self, parts: Iterable[bytes]) -> None:
        try:
            for part in parts:
                self._input.write(part)
        except BrokenPipeError:
            pass  # it has ended; what it said, or how it ended, says why
        self._close_input()

    def _close_input(self) -> None:
        try:
            self._input.close()
        except BrokenPipeError:
            pass  # what was still to be written nobody reads

    def _why_it_ended(self) -> Why:
        """A crash is a broken file; an end by the clock, or by a system short of memory, is one that asks too much."""
        self.output.close()  # it may still be writing
        self._process.wait()
        logger.warning("file_cleaner_ended", returncode=self._process.returncode, media_type=self._media_type.value)
        killed = self._process.returncode in (-9, -24)  # SIGKILL, SIGXCPU
        return Why.EFFORT if killed else Why.BROKEN
