"""One open WebSocket (RFC 6455), from after its handshake. Everything here runs in the hub's loop."""

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Opcode
from websockets.protocol import OPEN, State
from websockets.server import ServerProtocol

from notifications.live.listeners import Listener

PING_EVERY = 20.0  # seconds; who has not answered by the next one is gone
MOST_UNREAD = 64 * 1024  # bytes that a slow reader may leave in our memory
MOST_SENT = 1024  # bytes of a message by the client, which has nothing to say
SIGNED_OUT = 4401  # the close code where a session has ended


class Connection(asyncio.Protocol):
    """Sends what the hub tells it. A client that reads too slowly, does not answer a ping, or talks, is closed."""

    transport: asyncio.Transport

    def __init__(self, listener: Listener, *, after: int, on_end: Callable[["Connection"], None]) -> None:
        self.listener, self.after, self._on_end = listener, after, on_end
        self._protocol = ServerProtocol(state=OPEN, max_size=MOST_SENT)
        self._is_answered = True

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            opcode = getattr(event, "opcode", None)
            if opcode == Opcode.PONG:
                self._is_answered = True
            elif opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self.close(CloseCode.POLICY_VIOLATION)
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end(self)

    def send(self, message: bytes) -> None:
        if self._protocol.state is not State.OPEN:
            return
        self._protocol.send_text(message)
        self._flush()

    def ping(self) -> None:
        if not self._is_answered or self._protocol.state is not State.OPEN:
            self.transport.abort()
            return
        self._is_answered = False
        self._protocol.send_ping(b"")
        self._flush()

    def close(self, code: int) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code)
            self._flush()
        self.transport.close()  # once what is written has gone out; we wait for no answer

    def _flush(self) -> None:
        """Write what is to be sent: our messages, and answers to pings, of which a client may send any number."""
        try:
            for part in self._protocol.data_to_send():
                if self.transport.get_write_buffer_size() + len(part) > MOST_UNREAD:
                    self.transport.abort()  # it comes back with its cursor
                    return
                if part:
                    self.transport.write(part)
                else:
                    self.transport.close()
        except ProtocolError:  # pragma: no cover - the library has said so to the client
            self.transport.abort()
