"""Rejects requests with too large a body, and requests that another site's page makes a browser send."""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.api.exceptions import MALFORMED, error_response
from core.client import is_api

CHUNK_BYTES, DRAINED_BYTES = 65_536, 16 * 1024 * 1024
UPLOADS, FORM_BYTES = "/api/attachments", 65_536  # where files are uploaded, and how much the form may add to one
UPLOAD_PAGES = re.compile(  # they show the error on their own page
    r"/admin/records/attachment/to/[0-9a-fA-F-]{36}/|/import/new/(patients|appointments)/"
    r"|/patients/[0-9a-fA-F-]{36}/files/add/"
)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class RequestGuard:
    """Answers 413 to bodies over the limit (higher for uploads), and 403 to unsafe API calls that a browser makes for
    an origin that is not allowed: SameSite cookies distinguish sites, not origins. The rest of a body is always
    read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._answer(request)
        drain(request)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return _refusal_of_body(request) or self.get_response(request)
        response = _refusal_of_host(request) or _refusal_of_body(request) or _refusal_of_origin(request)
        response = response or self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")  # keep charts out of the browser's cache
        return response


def _refusal_of_host(request: HttpRequest) -> HttpResponse | None:
    """Reject a wrong Host header. Django would too, but in DEBUG with a page that shows the settings."""
    try:
        request.get_host()
    except DisallowedHost:
        return error_response(400, MALFORMED)
    return None


def _refusal_of_body(request: HttpRequest) -> HttpResponse | None:
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return error_response(411, _("The request needs a Content-Length header."))
    if request.method == "POST" and UPLOAD_PAGES.fullmatch(request.path_info):
        return None
    length = request.META.get("CONTENT_LENGTH") or "0"
    limit = _max_body_bytes(request)
    if length.isdigit() and int(length) > limit:
        too_large = _("The request body is larger than %(limit)d bytes.") % {"limit": limit}
        return error_response(413, too_large_message() if _is_upload(request) else too_large)
    return None


def _max_body_bytes(request: HttpRequest) -> int:
    return settings.MAX_FILE_BYTES + FORM_BYTES if _is_upload(request) else settings.MAX_BODY_BYTES


def _is_upload(request: HttpRequest) -> bool:
    return request.method == "POST" and request.path_info == UPLOADS


def too_large_message() -> str:
    """Return the error for a file over the limit."""
    return _("A file can have up to %(size)s MB.") % {"size": f"{settings.MAX_FILE_BYTES / settings.MEGABYTE:g}"}


def _refusal_of_origin(request: HttpRequest) -> HttpResponse | None:
    if request.method not in SAFE_METHODS and comes_from_other_origin(request):
        return error_response(403, _("This request came from another site."))
    return None


def drain(request: HttpRequest) -> None:
    """Read and discard the unread rest of the body, up to a limit.

    gunicorn itself reads 64 KiB and then closes the connection, although the client was told that it stays open; and a
    connection closed with unread data is reset, so that the client may never see the response.
    """
    known = request.META.get("wsgi.input_terminated")  # known to the server even without a Content-Length
    body = request.META["wsgi.input"] if known else request
    with suppress(Exception):  # the client is gone or sent invalid HTTP: the server closes the connection
        for _chunk in range(DRAINED_BYTES // CHUNK_BYTES):
            if not body.read(CHUNK_BYTES):
                return


def comes_from_other_origin(request: HttpRequest) -> bool:
    """Return whether a browser sends this for a page of an origin that is not allowed."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin not in settings.CORS_ALLOWED_ORIGINS and not _is_own_origin(request, origin)
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _is_own_origin(request: HttpRequest, origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # A proxy may terminate TLS, so https is accepted even if this hop is http, but not the reverse.
    return parts.netloc == request.get_host() and parts.scheme in ("https", request.scheme)
