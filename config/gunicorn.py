"""How gunicorn serves Praxis: one process, threads. `manage.py serve` and the container both start it with this."""

import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a Ctrl-C before gunicorn minds signals ends it without a traceback
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    from django.conf import settings

    threads = settings.SERVER_THREADS
except ImproperlyConfigured as error:
    sys.exit(f"praxis: {error}")

bind = settings.SERVER_BIND
workers = settings.SERVER_PROCESSES
worker_class = "gthread"
control_socket_disable = True
keepalive = 75
accesslog = None  # core.middleware.RequestLog names the route, never the path as typed
loglevel = "warning"
proc_name = "praxis"
wsgi_app = "config.wsgi"
