"""The WSGI application."""

import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Static files are collected only in the image; elsewhere whitenoise finds them in the packages.
warnings.filterwarnings("ignore", "No directory at", UserWarning)
_praxis = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Drop a malformed Content-Type: Django parses it before any middleware, and would fail."""
    try:
        parse_header_parameters(environ.get("CONTENT_TYPE", ""))
    except (LookupError, ValueError):
        environ["CONTENT_TYPE"] = ""
    return _praxis(environ, start_response)
