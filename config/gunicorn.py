"""How gunicorn serves Praxis: one process, threads. `manage.py serve` and the container both start it with this."""

import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C before gunicorn minds signals ends it without a traceback
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    from django.conf import settings

    threads = settings.SERVER_THREADS
except ImproperlyConfigured as error:
    sys.exit(f"praxis: {error}")


class Worker(ThreadWorker):
    """A worker whose Ctrl-C is safe. It arrives twice, from the terminal and from the master; gunicorn 27.0's own
    handler takes the thread pool's lock, which the second arrival finds held by the first: they wait for each other
    until the master kills the worker. The handler of SIGTERM takes none, and lets requests in progress finish."""

    handle_quit = ThreadWorker.handle_exit


# A megabyte at a time, which is gunicorn's own, costs each upload that comes in three; they are read by the chunk.
SocketUnreader.max_body_chunk = 64 * 1024
_read = SocketUnreader.chunk


def read_or_give_up(reader: SocketUnreader, size_hint: int | None = None) -> bytes:
    """gunicorn waits for the rest of a request as long as it takes: as many callers as there are threads that send half
    of one each would hold them all. Raises NoMoreData, as if the caller had hung up."""
    before = reader.sock.gettimeout()
    if before is None:
        reader.sock.settimeout(settings.SERVER_READ_TIMEOUT)
    try:
        return bytes(_read(reader, size_hint))
    except TimeoutError as error:
        if before is not None:
            raise  # gunicorn has set one of its own, and minds it
        raise NoMoreData from error
    finally:
        reader.sock.settimeout(before)


SocketUnreader.chunk = read_or_give_up

bind = settings.SERVER_BIND
workers = settings.SERVER_PROCESSES
worker_class = Worker
control_socket_disable = True
# Whom to believe about the caller and the scheme is TRUSTED_PROXIES' (core/client.py) and nobody's here; nor does
# any caller say where we are mounted (SCRIPT_NAME).
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
keepalive = 75
graceful_timeout = 8  # seconds for requests in progress; containers are killed after ten
accesslog = None  # core.middleware.RequestLog names the route, never the path as typed
loglevel = "error"
logconfig_dict = settings.LOGGING
proc_name = "praxis"
wsgi_app = "config.wsgi"
