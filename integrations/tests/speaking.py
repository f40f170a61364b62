"""A server that says what a test wants, byte by byte, and keeps what it was sent."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Speaking:
    """Each connection gets the next of `answers`: bytes to send, or a function that is given the socket."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            with wire:
                wire.settimeout(5)
                try:
                    self.requests.append(_whole_request(wire))
                    if callable(answer):
                        answer(wire)
                    else:
                        wire.sendall(answer)
                except OSError:
                    pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # which ends accept(); closing alone does not
        self._listener.close()
        self._thread.join(5)


@contextmanager
def speaking(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[Speaking]:
    server = Speaking(*answers)
    server._thread.start()
    try:
        yield server
    finally:
        server.close()


def _whole_request(wire: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += wire.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += wire.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
