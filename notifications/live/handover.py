"""From a thread of the server to the loop of open connections: a view that answers 101 names who goes on with the
socket, and config/gunicorn.py gives it away once the answer is sent. gunicorn loads this before Django.
"""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

GoOn = Callable[[socket.socket, bytes], None]  # the connection, and what the client has sent behind its request
SOCKET = "gunicorn.socket"  # where gunicorn has the connection, in what it tells of a request
_offered: dict[socket.socket, GoOn] = {}


def offer(connection: socket.socket, go_on: GoOn) -> None:
    """Called by a view; the thread that serves the request takes it in `take`."""
    _offered[connection] = go_on


def take(connection: socket.socket) -> GoOn | None:
    return _offered.pop(connection, None)


def is_served_to(request: "HttpRequest") -> bool:
    """Return whether a page may open a connection: its person has a practice, and this server has them (`make dev` has
    not)."""
    return SOCKET in request.META and getattr(request.user, "practice_id", None) is not None
