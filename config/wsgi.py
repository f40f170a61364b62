"""What gunicorn serves."""

import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Only an image has collected the static files; elsewhere whitenoise finds them where the packages have them.
warnings.filterwarnings("ignore", "No directory at", UserWarning)
_praxis = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A Content-Type that nobody can read counts as none: Django reads it before any middleware, and would break."""
    try:
        parse_header_parameters(environ.get("CONTENT_TYPE", ""))
    except (LookupError, ValueError):
        environ["CONTENT_TYPE"] = ""
    return _praxis(environ, start_response)
