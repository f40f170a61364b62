"""gunicorn's configuration: one process with threads. Used by `manage.py serve` and the container."""

import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from notifications.live import handover

gc.disable()  # until the worker has loaded the application: nothing of that becomes garbage
signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback on Ctrl-C before gunicorn handles signals
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    from django.conf import settings

    threads = settings.SERVER_THREADS
except ImproperlyConfigured as error:
    sys.exit(f"praxis: {error}")


_linger = util.close_graceful
util.close_graceful = partial(_linger, timeout=0)  # the worker's main thread calls it, after Worker.handle


class Worker(ThreadWorker):
    """gunicorn 27.0's worker with threads, without two of its waits, and without a loss at its end.

    Ctrl-C is handled like SIGTERM, which lets requests in progress finish. It arrives twice, from the terminal and from
    the master, and gunicorn's own handler takes the thread pool's lock, so that the second waits for the first until
    the master kills the worker.

    Where a client leaves a connection open that the server has closed, a thread waits for it. gunicorn's own main
    thread would, two seconds for each, and accept nobody meanwhile.

    A worker that ends answers on its open connections for two more seconds, and says "Connection: close" there. Those
    that wait to be accepted are taken too, and the port is closed at once, so that proxies ask another server; gunicorn
    keeps it open until the end, and drops whoever has come meanwhile.
    """

    sockets: list[Any]
    handle_quit = ThreadWorker.handle_exit

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._close_port()

    def _close_port(self) -> None:
        """Systemd holds the port open itself, and who comes then waits for the next server."""
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        self.sockets = []

    def handle(self, conn: TConn) -> object:
        kept_open = super().handle(conn)
        if go_on := handover.take(conn.sock):
            if kept_open:
                given, conn.sock = conn.sock, socket.socket()  # gunicorn closes the other
                go_on(given, conn.parser.unreader.take_buffered())
            return False
        if not kept_open:
            with suppress(OSError):
                _linger(conn.sock.dup())
        return kept_open


# gunicorn's own default, a megabyte, takes up to three for each upload.
SocketUnreader.max_body_chunk = 64 * 1024
_read = SocketUnreader.chunk


def read_with_timeout(reader: SocketUnreader, size_hint: int | None = None) -> bytes:
    """Raise NoMoreData, as if the client had hung up, if the rest of a request does not arrive in time. gunicorn itself
    would wait for ever, so that a few clients with half a request each could occupy all threads."""
    before = reader.sock.gettimeout()
    if before is None:
        reader.sock.settimeout(settings.SERVER_READ_TIMEOUT)
    try:
        return bytes(_read(reader, size_hint))
    except TimeoutError as error:
        if before is not None:
            raise  # gunicorn has set its own timeout and handles it
        raise NoMoreData from error
    finally:
        reader.sock.settimeout(before)


SocketUnreader.chunk = read_with_timeout

REFUSALS = {  # of what is no HTTP, or more of it than is read; gunicorn's own sentences repeat what was sent
    414: "The address of the request is longer than 8 KB.",
    431: "The headers of the request are too long.",
    500: "Something went wrong on our side. Please try again.",
    501: "This transfer coding is not supported.",
}


def write_error(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer a request that never reaches Django, like the API: gunicorn's own answer is HTML."""
    body = json.dumps({"detail": REFUSALS.get(status, "The request is malformed.")})
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    util.write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())


util.write_error = write_error

bind = settings.SERVER_BIND
workers = settings.SERVER_PROCESSES
worker_class = Worker
control_socket_disable = True
# Forwarded headers are handled by TRUSTED_PROXIES (core/middleware/proxies.py) and ignored here, as is SCRIPT_NAME.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
limit_request_line = 8190  # the most that gunicorn takes, and nginx by default
keepalive = 75
graceful_timeout = 8  # seconds for requests in progress; containers are killed after ten
accesslog = None  # core.middleware.request_log.RequestLog logs the route instead of the path
loglevel = "error"
logconfig_dict = settings.LOGGING
proc_name = "praxis"
wsgi_app = "config.wsgi"


def post_worker_init(worker: Worker) -> None:
    """Leave what was loaded out of each later collection of garbage: to look through all of Django took longer than the
    free times of forty doctors, which made it do so."""
    gc.collect()
    gc.freeze()
    gc.enable()
    _let_it_open_files()


def _let_it_open_files() -> None:
    """An open WebSocket is an open file, and many systems begin with 1,024 of them."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if workers > 1:  # each process counts in files that the others read, since a Prometheus asks one of them
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="praxis-metrics-")


def child_exit(server: object, worker: Worker) -> None:
    """Keep what a process that has ended counted, and forget what was true of it alone."""
    if workers > 1:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server: object) -> None:
    if workers > 1:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def worker_exit(server: object, worker: Worker) -> None:
    """Tell open connections that they may come back."""
    if hub := sys.modules.get("notifications.live.hub"):
        hub.stop()
