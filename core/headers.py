"""What every answer tells the browser beside what Django's own middleware does."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.client import is_api

CSP = "Content-Security-Policy"
ADMIN_ROOT = "/admin/"
_ALONE = "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; {_ALONE}"
ADMIN_POLICY = (  # unfold's Alpine evaluates the expressions in its markup, and styles elements there
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"form-action 'self'; {_ALONE}"
)
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


class BrowserPolicy:
    """What a browser may do with an answer: nothing with the API's, no script on our pages, and in the admin what its
    theme needs. A view that needs another policy sets its own (core/api/docs.py)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        in_admin = request.path_info.startswith(ADMIN_ROOT)
        policy = API_POLICY if is_api(request) else ADMIN_POLICY if in_admin else PAGE_POLICY
        if not _is_djangos_own_about_an_error(response):
            response.headers.setdefault(CSP, policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if in_admin:
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response


def _is_djangos_own_about_an_error(response: HttpResponseBase) -> bool:
    """In DEBUG, with styles and scripts in the page itself."""
    return settings.DEBUG and response.status_code in (404, 500)
