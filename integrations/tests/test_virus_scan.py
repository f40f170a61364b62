"""The virus scan against a real clamd, and against what only pretends to be one."""

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


class TestARealClamd:
    @pytest.mark.parametrize("content", INFECTED.values(), ids=INFECTED)
    def test_finds_the_test_string(self, real, content):
        assert scan([content]) == FOUND

    @pytest.mark.parametrize("content", CLEAN.values(), ids=CLEAN)
    def test_lets_a_clean_file_pass(self, real, content):
        assert scan([content]) == Verdict(clean=True)

    def test_reads_on_behind_a_part_of_no_length(self, real):
        assert scan([b"Dear ", b"", EICAR[:20], b"", EICAR[20:], b""]) == FOUND

    def test_finds_it_at_the_end_of_ten_megabytes(self, real):
        assert scan(in_parts(b"a" * (10 * MEGABYTE - len(EICAR)) + EICAR)) == FOUND

    @pytest.mark.parametrize("megabytes", [12, 60])
    def test_says_that_a_file_is_too_large_for_it(self, real, megabytes):
        """It hangs up while the rest is still being sent."""
        assert failure(in_parts(os.urandom(MEGABYTE) * megabytes)) == Reason.TOO_LARGE

    def test_a_file_that_it_did_not_read_to_the_end_is_not_clean(self, real):
        nested = EICAR
        for _ in range(20):  # deeper than MaxRecursion
            nested = zipped(nested, "a.zip")
        assert failure([nested]) == Reason.TOO_LARGE

    def test_many_at_once_keep_their_answers_apart(self, real):
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

    def test_holds_no_more_than_a_part_of_the_file(self, real):
        part = bytes(64 * 1024)
        tracemalloc.start()
        try:
            scan(part for _ in range(160))
            assert tracemalloc.get_traced_memory()[1] < MEGABYTE
        finally:
            tracemalloc.stop()

    def test_what_keeps_the_file_from_being_read_is_told_as_it_is(self, real):
        def broken():
            yield b"Dear "
            raise OSError("no such file")

        with pytest.raises(OSError, match="no such file"):
            scan(broken())

    def test_that_is_stopped_is_unreachable_until_it_is_back(self, settings):
        with stopped_clamd() as clamd:
            settings.VIRUS_SCAN_URL = clamd.url
            assert failure([EICAR]) == Reason.UNREACHABLE
            with clamd.running():
                assert scan([EICAR]) == FOUND
            assert failure([EICAR]) == Reason.UNREACHABLE
            settings.VIRUS_SCAN_URL = clamd.socket_url
            assert failure([EICAR]) == Reason.UNREACHABLE


def test_without_a_scanner_nothing_passes(settings):
    settings.VIRUS_SCAN_URL = ""
    assert failure([b"Dear Dr. Reyes"]) == Reason.UNREACHABLE


def test_a_host_that_nobody_knows_is_unreachable(settings):
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
                    over.wait(60)
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


class TestWhatPretends:
    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            (b"stream: OK\0", Verdict(clean=True)),
            (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", Verdict(clean=False, found="Win.Test.EICAR_HDB-1")),
        ],
    )
    def test_the_two_verdicts(self, settings, answer, verdict):
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
    def test_any_other_answer_is_no_verdict(self, settings, answer):
        with pretending(settings, answer):
            assert failure([b"Dear Dr. Reyes"]) == Reason.ERROR

    def test_a_verdict_about_a_part_of_the_file_is_none(self, settings):
        """It answers and hangs up without having read the stream."""
        with pretending(settings, b"stream: OK\0", reads=False):
            assert failure(bytes(64 * 1024) for _ in range(1000)) == Reason.ERROR

    @pytest.mark.parametrize("parts", [1, 1000], ids=["after the file", "while the file is sent"])
    def test_a_daemon_that_hangs_is_given_up(self, settings, parts):
        settings.VIRUS_SCAN_TIMEOUT = 0.2
        with pretending(settings, None, reads=parts == 1):
            begun = time.monotonic()
            assert failure(bytes(64 * 1024) for _ in range(parts)) == Reason.TIMEOUT
            assert time.monotonic() - begun < 5

    def test_a_daemon_that_answers_a_byte_now_and_then_is_given_up(self, settings):
        """The time is that of the whole scan, not of each wait."""
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


class TestTheCheckForTheTestString:
    @given(before=st.binary(max_size=200), behind=st.binary(max_size=200), size=st.integers(1, 300))
    @settings(max_examples=200, deadline=None)
    def test_finds_it_wherever_parts_end(self, before, behind, size):
        assert not built_in.scan(in_parts(before + EICAR + behind, size)).clean

    @given(content=st.binary(max_size=300), size=st.integers(1, 300))
    @settings(max_examples=100, deadline=None)
    def test_finds_nothing_else(self, content, size):
        assert built_in.scan(in_parts(content, size)) == Verdict(clean=EICAR not in content, found="")

    def test_nearly_is_not(self):
        assert built_in.scan([EICAR[:-1], EICAR[1:]]).clean

    def test_says_once_that_it_is_no_scanner(self):
        built_in._warn.cache_clear()
        with structlog.testing.capture_logs() as lines:
            built_in.scan([b"Dear Dr. Reyes"])
            built_in.scan([b"Dear Dr. Reyes"])
        assert [line["log_level"] for line in lines] == ["warning"]
        assert "not scanned" in lines[0]["event"]


def test_only_a_file_too_large_fails_for_good():
    assert [reason for reason in Reason if ScanFailed(reason).permanent] == [Reason.TOO_LARGE]


def test_a_port_where_nobody_listens_is_unreachable(settings):
    settings.VIRUS_SCAN_URL = f"tcp://127.0.0.1:{free_port()}"
    assert failure([b""]) == Reason.UNREACHABLE
