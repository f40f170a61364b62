"""A cable between Praxis and a database, which can be cut: it passes on what arrives at a port of this machine."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing says at once that the connection is gone


class Cable(socketserver.ThreadingTCPServer):
    """`silent()`: nothing passes, and what was sent arrives later. `cut()`: every connection is lost, none is made."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, url: str, default_port: int) -> None:
        there = urlsplit(url)
        self.to = there.hostname or "127.0.0.1", there.port or default_port
        self.passing, self.is_cut = threading.Event(), False
        self.passing.set()
        self.ends: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection)
        who = f"{there.netloc.rpartition('@')[0]}@" if "@" in there.netloc else ""
        self.url = urlunsplit(there._replace(netloc=f"{who}127.0.0.1:{self.server_address[1]}"))

    @contextmanager
    def laid(self) -> Iterator["Cable"]:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield self
        finally:
            self.shutdown()
            self._lose_all()
            self.server_close()

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.passing.clear()
        try:
            yield
        finally:
            self.passing.set()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self.is_cut = True
        self._lose_all()
        try:
            yield
        finally:
            self.is_cut = False

    def _lose_all(self) -> None:
        for end in list(self.ends):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.ends.clear()


class _Connection(socketserver.BaseRequestHandler):
    server: Cable

    def handle(self) -> None:
        if self.server.is_cut:
            return
        with suppress(OSError), socket.create_connection(self.server.to) as there:
            self.server.ends |= {there, self.request}
            back = threading.Thread(target=self._pass, args=(there, self.request), daemon=True)
            back.start()
            self._pass(self.request, there)
            back.join()
            self.server.ends -= {there, self.request}

    def _pass(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while part := here.recv(65536):
                self.server.passing.wait()
                there.sendall(part)
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)
