"""ClamAV's daemon, asked through its INSTREAM command (man clamd).

A client of our own: `clamd` 1.0.2 is no longer kept up, and `clamav-client` 0.7.2, made from it, sends a kilobyte at a
time, takes IPv4 alone, bounds each wait on the socket but not the scan, and takes a refused stream for a broken one.
"""

import re
import socket
import struct
import time
from collections.abc import Iterable
from typing import Self
from urllib.parse import SplitResult

from integrations.virus_scan.contract import Reason, ScanFailed, Verdict

SCHEMES = ("tcp", "unix")
PORT = 3310
CONNECT_SECONDS = 5  # a daemon that is there answers the door at once
LONGEST_ANSWER = 1024  # bytes
CLEAN, TOO_LARGE = b"stream: OK", b"INSTREAM size limit exceeded. ERROR"
FOUND = re.compile(rb"stream: ([!-~]{1,200}) FOUND")
NOT_ALL_READ = "Heuristics.Limits.Exceeded"  # what clamd "finds" in what it did not read to the end (AlertExceedsMax)


def scan(parts: Iterable[bytes], *, scanner: SplitResult, seconds: float) -> Verdict:
    with _Wire(scanner, seconds=seconds) as wire:
        all_sent = wire.send(parts)
        answer = wire.answer()
    return _verdict(answer, all_sent=all_sent)


def _verdict(answer: bytes, *, all_sent: bool) -> Verdict:
    """Anything but an answer that is known is no verdict, and neither is one about a part of the file."""
    if answer == CLEAN and all_sent:
        return Verdict(clean=True)
    if answer == TOO_LARGE:
        raise ScanFailed(Reason.TOO_LARGE)
    match = FOUND.fullmatch(answer)
    if not match:
        raise ScanFailed(Reason.ERROR)
    found = match[1].decode()
    if found.startswith(NOT_ALL_READ):
        raise ScanFailed(Reason.TOO_LARGE)
    return Verdict(clean=False, found=found)


class _Wire:
    """A connection for one scan, which has so many seconds in all."""

    def __init__(self, scanner: SplitResult, *, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        try:
            self._socket = _connected(scanner, min(seconds, CONNECT_SECONDS))
        except OSError as error:
            raise ScanFailed(Reason.UNREACHABLE) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, parts: Iterable[bytes]) -> bool:
        """Whether the daemon took all of it: where the file is too large it answers and hangs up before."""
        taken = self._send(b"zINSTREAM\0")
        for part in parts:
            if not taken:
                break
            if part:  # one of no length would end the stream
                taken = self._send(struct.pack("!L", len(part)) + part)
        return taken and self._send(struct.pack("!L", 0))

    def _send(self, part: bytes) -> bool:
        self._socket.settimeout(self._left())
        try:
            self._socket.sendall(part)
        except TimeoutError as error:
            raise ScanFailed(Reason.TIMEOUT) from error
        except OSError:
            return False
        return True

    def answer(self) -> bytes:
        answer = b""
        while not answer.endswith(b"\0"):
            part = self._receive()
            if not part or len(answer) > LONGEST_ANSWER:
                raise ScanFailed(Reason.ERROR)
            answer += part
        return answer[:-1]

    def _receive(self) -> bytes:
        self._socket.settimeout(self._left())
        try:
            return self._socket.recv(LONGEST_ANSWER)
        except TimeoutError as error:
            raise ScanFailed(Reason.TIMEOUT) from error
        except OSError as error:
            raise ScanFailed(Reason.ERROR) from error

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise ScanFailed(Reason.TIMEOUT)
        return left


def _connected(scanner: SplitResult, seconds: float) -> socket.socket:
    if scanner.scheme != "unix":
        return socket.create_connection((scanner.hostname, scanner.port or PORT), timeout=seconds)
    wire = socket.socket(socket.AF_UNIX)
    try:
        wire.settimeout(seconds)
        wire.connect(scanner.path)
    except OSError:
        wire.close()
        raise
    return wire
