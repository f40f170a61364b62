"""Calls to other services over HTTP: one request, one answer, within a time limit for all of it.

What a caller must know when a call fails is whether the other side may have acted on it, which the libraries do not
tell apart. So the standard library's client is used here, with a clock that closes the connection: a limit for each
wait on the socket alone lets a server that sends a byte a second hold a worker for hours.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from integrations.http.contract import NotSent as NotSent
from integrations.http.contract import Unanswered as Unanswered

MAX_ANSWER_BYTES = 1_000_000
CONNECT_SECONDS = 5


class Answer(NamedTuple):
    """`body` is None if it did not arrive whole: the status did."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


def post(url: str, body: bytes, *, headers: Mapping[str, str], seconds: float) -> Answer:
    """Post the body. Raises NotSent if the server was not reached, and Unanswered if nobody knows what it did."""
    return _call("POST", url, body, headers=headers, seconds=seconds)


def get(url: str, *, headers: Mapping[str, str], seconds: float) -> Answer:
    """Raises NotSent and Unanswered."""
    return _call("GET", url, None, headers=headers, seconds=seconds)


def _call(method: str, url: str, body: bytes | None, *, headers: Mapping[str, str], seconds: float) -> Answer:
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, min(seconds, CONNECT_SECONDS))
    try:
        connection.connect()
    except (OSError, ValueError) as error:
        connection.close()
        raise NotSent from error
    timer = threading.Timer(seconds, _cut, [connection.sock])
    timer.daemon = True
    timer.start()
    try:
        connection.sock.settimeout(seconds)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), _body(answer))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unanswered from error
    finally:
        timer.cancel()
        connection.close()


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=_tls())
    return http.client.HTTPConnection(host, port, timeout=seconds)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _cut(wire: socket.socket) -> None:
    try:
        wire.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed already


def _body(answer: http.client.HTTPResponse) -> bytes | None:
    try:
        body = answer.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return None
    left = answer.length  # what the headers announced and did not come
    return None if left and len(body) < MAX_ANSWER_BYTES else body
