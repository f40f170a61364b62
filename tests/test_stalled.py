"""Callers that send half a request and then nothing: they hold no thread for long."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.server import Server, own_database, own_redis

pytestmark = pytest.mark.embedded  # how a request is read hangs on no database
THREADS = 2
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


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_half_a_request_holds_no_thread_for_long(impatient, half):
    callers = [socket.create_connection(("127.0.0.1", impatient.port), timeout=15) for _ in range(THREADS)]
    try:
        for caller in callers:
            caller.sendall(half)

        assert httpx.get(f"{impatient.url}/api/health/live", timeout=15).status_code == 200
        for caller in callers:
            answer = read_to_the_end(caller)
            assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 411")
    finally:
        for caller in callers:
            caller.close()
    assert "Traceback" not in impatient.log.read_text()


def read_to_the_end(caller: socket.socket) -> bytes:
    """All that comes until the server closes the connection; raises TimeoutError if it does not."""
    answer = b""
    while more := caller.recv(4096):
        answer += more
    return answer
