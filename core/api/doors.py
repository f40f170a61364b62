"""What stops a request at the door: too large a body, or a browser that acts for a foreign page."""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from core.api.errors import MALFORMED, error_response
from core.client import is_api

CHUNK_BYTES, DRAINED_BYTES = 65_536, 16 * 1024 * 1024
UPLOADS, FORM_BYTES = "/api/attachments", 65_536  # where files come in, and what the form may add to one
UPLOAD_PAGE = re.compile(r"/admin/records/attachment/to/[0-9a-f-]{36}/")  # says itself, as a page, what is too large
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Doors:
    """Bodies over the limit, which is higher where files come in, get 413. Unsafe API calls get 403 when the browser
    says that another site made them and that site is not an allowed origin: the cookies alone would not tell (SameSite
    knows sites, not origins). Whatever is answered, what is left of the body is read."""

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
        response.headers.setdefault("Cache-Control", "no-store")  # no chart stays behind in a browser's cache
        return response


def _refusal_of_host(request: HttpRequest) -> HttpResponse | None:
    """Django would refuse it too, but with DEBUG on a page that shows the settings."""
    try:
        request.get_host()
    except DisallowedHost:
        return error_response(400, MALFORMED)
    return None


def _refusal_of_body(request: HttpRequest) -> HttpResponse | None:
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return error_response(411, "Say how long the request body is, in Content-Length.")
    if request.method == "POST" and UPLOAD_PAGE.fullmatch(request.path_info):
        return None
    length = request.META.get("CONTENT_LENGTH") or "0"
    most = _most_bytes(request)
    if length.isdigit() and int(length) > most:
        said = too_large() if _brings_a_file(request) else f"The request body is larger than {most} bytes."
        return error_response(413, said)
    return None


def _most_bytes(request: HttpRequest) -> int:
    return settings.MAX_FILE_BYTES + FORM_BYTES if _brings_a_file(request) else settings.MAX_BODY_BYTES


def _brings_a_file(request: HttpRequest) -> bool:
    return request.method == "POST" and request.path_info == UPLOADS


def too_large() -> str:
    """What is said of a file over the limit."""
    return f"A file may have {settings.MAX_FILE_BYTES / settings.MEGABYTE:g} MB."


def _refusal_of_origin(request: HttpRequest) -> HttpResponse | None:
    if request.method not in SAFE_METHODS and _from_foreign_page(request):
        return error_response(403, "This request came from a page of another site.")
    return None


def drain(request: HttpRequest) -> None:
    """Read what nobody has read of the body, whatever was answered, and forget it, up to a bound. gunicorn itself reads
    64 KiB and then closes the connection, on which the client, told that it stays open, is sending the next request;
    and one that is closed on unread data is reset, so that the client may never see the answer."""
    known = request.META.get("wsgi.input_terminated")  # to the server, also where no Content-Length says it
    body = request.META["wsgi.input"] if known else request
    with suppress(Exception):  # the client has gone, or sends no HTTP: the server closes such a connection itself
        for _ in range(DRAINED_BYTES // CHUNK_BYTES):
            if not body.read(CHUNK_BYTES):
                return


def _from_foreign_page(request: HttpRequest) -> bool:
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin not in settings.CORS_ALLOWED_ORIGINS and not _is_own_origin(request, origin)
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _is_own_origin(request: HttpRequest, origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # A proxy may end TLS before us, so https is right even where this hop is http; the other way round is not.
    return parts.netloc == request.get_host() and parts.scheme in ("https", request.scheme)
