"""ClamAV's daemon, through its INSTREAM command (man clamd).

The client is our own: `clamd` 1.0.2 is unmaintained, and `clamav-client` 0.7.2, derived from it, sends a kilobyte at a
time, supports only IPv4, limits each wait on the socket but not the whole scan, and mistakes a refused stream for a
broken one.
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
CONNECT_SECONDS = 5  # a running daemon accepts at once
MAX_ANSWER_BYTES = 1024  # bytes
CLEAN, TOO_LARGE = b"stream: OK", b"INSTREAM size limit exceeded. ERROR"
FOUND = re.compile(rb"stream: ([!-~]{1,200}) FOUND")
PARTLY_SCANNED = "Heuristics.Limits.Exceeded"  # clamd "finds" this in what it did not read completely (AlertExceedsMax)


def scan(parts: Iterable[bytes], *, scanner: SplitResult, seconds: float) -> Verdict:
    with _Connection(scanner, seconds=seconds) as connection:
        all_sent = connection.send(parts)
        answer = connection.answer()
    return _verdict(answer, all_sent=all_sent)


def _verdict(answer: bytes, *, all_sent: bool) -> Verdict:
    """Return the verdict. Raises ScanFailed for an unknown answer, and for one about only a part of the file."""
    if answer == CLEAN and all_sent:
        return Verdict(clean=True)
    if answer == TOO_LARGE:
        raise ScanFailed(Reason.TOO_LARGE)
    match = FOUND.fullmatch(answer)
    if not match:
        raise ScanFailed(Reason.ERROR)
    found = match[1].decode()
    if found.startswith(PARTLY_SCANNED):
        raise ScanFailed(Reason.TOO_LARGE)
    return Verdict(clean=False, found=found)


class _Connection:
    """A connection for one scan, with a time limit for all of it."""

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
        """Return whether the daemon read everything: if the file is too large, it answers and closes early."""
        taken = self._send(b"zINSTREAM\0")
        for part in parts:
            if not taken:
                break
            if part:  # an empty one would end the stream
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
            if not part or len(answer) > MAX_ANSWER_BYTES:
                raise ScanFailed(Reason.ERROR)
            answer += part
        return answer[:-1]

    def _receive(self) -> bytes:
        self._socket.settimeout(self._left())
        try:
            return self._socket.recv(MAX_ANSWER_BYTES)
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
