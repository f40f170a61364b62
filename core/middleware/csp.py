"""Security headers that Django's own middleware does not set."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.client import is_api, is_daily_work, is_in_admin, is_on_site, is_on_tablet

CSP = "Content-Security-Policy"
_COMMON = "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; {_COMMON}"
WORK_POLICY = f"{PAGE_POLICY}; script-src 'self'; connect-src 'self'"  # our own modules, and htmx without eval
ADMIN_POLICY = (  # unfold's Alpine evaluates expressions in the markup and sets inline styles
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"form-action 'self'; {_COMMON}"
)
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


class BrowserPolicy:
    """Sets the content security policy: nothing for the API, no scripts on plain pages, our own scripts on those of
    daily work, what its theme needs in the admin. A view may set its own (core/api/docs.py)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not _is_debug_page(response):
            response.headers.setdefault(CSP, _policy(request))
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if is_on_site(request):
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response


def _policy(request: HttpRequest) -> str:
    if is_api(request):
        return API_POLICY
    if is_in_admin(request):
        return ADMIN_POLICY
    return WORK_POLICY if is_daily_work(request) or is_on_tablet(request) else PAGE_POLICY


def _is_debug_page(response: HttpResponseBase) -> bool:
    """Return whether this may be Django's error page of DEBUG, which has inline styles and scripts."""
    return settings.DEBUG and response.status_code in (404, 500)
