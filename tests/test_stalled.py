"""Callers that send half a request and then nothing: they hold no thread for long."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.server import Server, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]
HALVES = {
    "half a header": b"POST /api/auth/login HTTP/1.1\r\nHost: loc",
    "half a body": b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 200000\r\n\r\n{"a',
    "half a form": b"POST /api/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nusername=a",
    "half a chunk": b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Transfer-Encoding: chunked\r\n\r\nfff\r\n{"a',
    "a body that is not asked for": b"POST /api/attachments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b",
}
THREADS = 2 * len(HALVES)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits a second for the next byte."""
    directory = tmp_path_factory.mktemp("impatient")
    changes = {"SERVER_READ_TIMEOUT": "1", "SERVER_THREADS": str(THREADS)}
    with own_database(directory) as database_url:
        server = Server(directory, database_url, own_redis(), changes=changes)
        server.prepare()
        with server.running():
            yield server


def test_incomplete_request_frees_its_thread(impatient, subtests):
    with ExitStack() as stack:
        callers = []
        for name, half in (*HALVES.items(), *HALVES.items()):
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", impatient.port), timeout=60))
            caller.sendall(half)
            callers.append((name, caller))
        assert len(callers) == THREADS

        assert httpx.get(f"{impatient.url}/api/health/live", timeout=60).status_code == 200
        first = callers[0][1]
        first.recv(1, socket.MSG_PEEK)  # until the server has closed it, and soon the others
        assert httpx.get(f"{impatient.url}/api/health/live", timeout=60).status_code == 200
        for name, caller in callers:
            with subtests.test(half=name):
                answer = read_to_the_end(caller)
                assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 411")
    assert "Traceback" not in impatient.log.read_text()


def read_to_the_end(caller: socket.socket) -> bytes:
    """All that comes until the server closes the connection; raises TimeoutError if it does not."""
    answer = b""
    while more := caller.recv(4096):
        answer += more
    return answer
