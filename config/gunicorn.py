"""How gunicorn serves Praxis: one process, threads. `manage.py serve` and the container both start it with this."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    from django.conf import settings

    threads = settings.SERVER_THREADS
except ImproperlyConfigured as error:
    sys.exit(f"praxis: {error}")

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
worker_class = "gthread"
control_socket_disable = True
keepalive = 75
accesslog = None  # core.middleware.RequestLog names the route, never the path as typed
loglevel = "warning"
proc_name = "praxis"
wsgi_app = "config.wsgi"
