"""The virus scan against a real clamd, and against fake daemons."""

import os
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.tests.samples import CLEAN, INFECTED, zipped
from integrations.virus_scan import Reason, ScanFailed, Verdict, built_in, scan
from integrations.virus_scan.built_in import EICAR
from tests.clamd import stopped_clamd
from tests.sampling import examples
from tests.services import free_port

pytestmark = pytest.mark.embedded  # it asks no database: one half will do

MEGABYTE = 1024 * 1024
FOUND = Verdict(clean=False, found="Praxis.Test.Eicar.UNOFFICIAL")


def in_parts(content: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def failure(parts) -> Reason:
    with pytest.raises(ScanFailed) as failed:
        scan(parts)
    return failed.value.reason


@pytest.fixture(params=["tcp", "unix"])
def real(request, clamd, settings):
    settings.VIRUS_SCAN_URL = clamd.url if request.param == "tcp" else clamd.socket_url


@pytest.mark.production
class TestClamd:
    @pytest.mark.parametrize("content", INFECTED.values(), ids=INFECTED)
    def test_scan_test_string_is_infected(self, real, content):
        assert scan([content]) == FOUND

    @pytest.mark.parametrize("content", CLEAN.values(), ids=CLEAN)
    def test_scan_clean_file_is_clean(self, real, content):
        assert scan([content]) == Verdict(clean=True)

    def test_scan_continues_after_empty_part(self, real):
        assert scan([b"Dear ", b"", EICAR[:20], b"", EICAR[20:], b""]) == FOUND

    def test_scan_finds_virus_after_ten_megabytes(self, real):
        assert scan(in_parts(b"a" * (10 * MEGABYTE - len(EICAR)) + EICAR)) == FOUND

    @pytest.mark.parametrize("megabytes", [12, 60])
    def test_scan_file_too_large(self, real, megabytes):
        """clamd closes the connection while the rest is still being sent."""
        assert failure(in_parts(os.urandom(MEGABYTE) * megabytes)) == Reason.TOO_LARGE

    def test_scan_partly_read_file_is_not_clean(self, real):
        nested = EICAR
        for _ in range(20):  # deeper than MaxRecursion
            nested = zipped(nested, "a.zip")
        assert failure([nested]) == Reason.TOO_LARGE

    def test_concurrent_scans_get_their_own_verdicts(self, real):
        contents = [EICAR, b"Dear Dr. Reyes"] * 10
        answers = {}

        def ask(number):
            answers[number] = scan(in_parts(contents[number], 7))

        threads = [threading.Thread(target=ask, args=[number]) for number in range(len(contents))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answers[number].clean for number in range(len(contents))] == [False, True] * 10

    def test_scan_memory_is_bounded(self, real):
        part = bytes(64 * 1024)
        tracemalloc.start()
        try:
            scan(part for _ in range(160))
            assert tracemalloc.get_traced_memory()[1] < MEGABYTE
        finally:
            tracemalloc.stop()

    def test_scan_lets_read_errors_through(self, real):
        def broken():
            yield b"Dear "
            raise OSError("no such file")

        with pytest.raises(OSError, match="no such file"):
            scan(broken())

    @pytest.mark.slow  # it is started and stopped
    def test_stopped_daemon_is_unreachable_until_restart(self, settings):
        with stopped_clamd() as clamd:
            settings.VIRUS_SCAN_URL = clamd.url
            assert failure([EICAR]) == Reason.UNREACHABLE
            with clamd.running():
                assert scan([EICAR]) == FOUND
            assert failure([EICAR]) == Reason.UNREACHABLE
            settings.VIRUS_SCAN_URL = clamd.socket_url
            assert failure([EICAR]) == Reason.UNREACHABLE


def test_scan_without_scanner_fails(settings):
    settings.VIRUS_SCAN_URL = ""
    assert failure([b"Dear Dr. Reyes"]) == Reason.UNREACHABLE


def test_unknown_host_is_unreachable(settings):
    settings.VIRUS_SCAN_URL = "tcp://clamd.invalid:3310"
    assert failure([b"Dear Dr. Reyes"]) == Reason.UNREACHABLE


@contextmanager
def pretending(settings, answer: bytes | None, *, reads: bool = True) -> Iterator[None]:
    """Something that listens where clamd should. It reads the stream to its end (or none of it), then answers and hangs
    up; with None it stays silent."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            wire, _ = listener.accept()
            with wire:
                if reads:
                    _read_stream(wire)
                if answer is None:
                    over.wait(300)
                else:
                    with suppress(OSError):  # an answer that is too long is not heard to its end
                        wire.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        settings.VIRUS_SCAN_URL = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield
        finally:
            over.set()
            thread.join()


def _read_stream(wire: socket.socket) -> bytes:
    with wire.makefile("rb") as stream:
        assert stream.read(10) == b"zINSTREAM\0"
        content = b""
        while length := struct.unpack("!L", stream.read(4))[0]:
            content += stream.read(length)
        return content


class TestFakeDaemon:
    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            (b"stream: OK\0", Verdict(clean=True)),
            (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", Verdict(clean=False, found="Win.Test.EICAR_HDB-1")),
        ],
    )
    def test_known_answers_are_verdicts(self, settings, answer, verdict):
        with pretending(settings, answer):
            assert scan([b"Dear Dr. Reyes"]) == verdict

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"\0",
            b"stream: OK",  # broken off
            b"stream: OK\n",
            b"stream: OK \0",
            b"stream: OK\0\0",
            b"stream: OK\0stream: OK\0",
            b"stream: ok\0",
            b"OK\0",
            b"PONG\0",
            b"x: OK\0",
            b"stream: FOUND OK\0",
            b"stream:  FOUND\0",
            b"stream: Can't allocate memory ERROR\0",
            b"UNKNOWN COMMAND\0",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"stream: \xff\xfe FOUND\0",
            b"stream: " + b"A" * 100_000 + b" FOUND\0",
            b"A" * 1_000_000,
        ],
    )
    def test_unknown_answer_is_no_verdict(self, settings, answer):
        with pretending(settings, answer):
            assert failure([b"Dear Dr. Reyes"]) == Reason.ERROR

    def test_verdict_on_part_of_file_is_no_verdict(self, settings):
        """The daemon answers and closes without reading the stream."""
        with pretending(settings, b"stream: OK\0", reads=False):
            assert failure(bytes(64 * 1024) for _ in range(1000)) == Reason.ERROR

    @pytest.mark.parametrize("parts", [1, 1000], ids=["after the file", "while the file is sent"])
    def test_hanging_daemon_times_out(self, settings, parts):
        settings.VIRUS_SCAN_TIMEOUT = 0.2
        with pretending(settings, None, reads=parts == 1):
            begun = time.monotonic()
            assert failure(bytes(64 * 1024) for _ in range(parts)) == Reason.TIMEOUT
            assert time.monotonic() - begun < 60

    def test_slow_daemon_times_out(self, settings):
        """The time limit is for the whole scan, not for each wait."""
        settings.VIRUS_SCAN_TIMEOUT = 0.3
        with socket.create_server(("127.0.0.1", 0)) as listener:
            over = threading.Event()

            def serve():
                wire, _ = listener.accept()
                with wire:
                    _read_stream(wire)
                    while not over.wait(0.05):
                        try:
                            wire.sendall(b"s")
                        except OSError:
                            return

            thread = threading.Thread(target=serve)
            thread.start()
            settings.VIRUS_SCAN_URL = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
            try:
                assert failure([b"Dear Dr. Reyes"]) == Reason.TIMEOUT
            finally:
                over.set()
                thread.join()


class TestBuiltInCheck:
    @given(before=st.binary(max_size=200), behind=st.binary(max_size=200), size=st.integers(1, 300))
    @settings(max_examples=examples(200, 30), deadline=None)
    def test_finds_test_string_across_parts(self, before, behind, size):
        assert not built_in.scan(in_parts(before + EICAR + behind, size)).clean

    @given(content=st.binary(max_size=300), size=st.integers(1, 300))
    @settings(max_examples=examples(100, 20), deadline=None)
    def test_finds_only_the_test_string(self, content, size):
        assert built_in.scan(in_parts(content, size)) == Verdict(clean=EICAR not in content, found="")

    def test_similar_string_is_clean(self):
        assert built_in.scan([EICAR[:-1], EICAR[1:]]).clean

    def test_warns_once_that_files_are_not_scanned(self):
        built_in._warn.cache_clear()
        with structlog.testing.capture_logs() as lines:
            built_in.scan([b"Dear Dr. Reyes"])
            built_in.scan([b"Dear Dr. Reyes"])
        assert [line["log_level"] for line in lines] == ["warning"]
        assert "not scanned" in lines[0]["event"]


def test_only_too_large_is_permanent():
    assert [reason for reason in Reason if ScanFailed(reason).permanent] == [Reason.TOO_LARGE]


def test_closed_port_is_unreachable(settings):
    settings.VIRUS_SCAN_URL = f"tcp://127.0.0.1:{free_port()}"
    assert failure([b""]) == Reason.UNREACHABLE
