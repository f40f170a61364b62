"""Who is at the other end of a request, and which side of Praxis they came to."""

from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address that the limits count and the sessions name."""
    return request.META.get("REMOTE_ADDR") or None


def is_api(request: HttpRequest) -> bool:
    """The JSON API, not a page."""
    return request.path_info == "/api" or request.path_info.startswith("/api/")
