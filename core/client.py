"""Who is at the other end of a request."""

from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address that the limits count and the sessions name."""
    return request.META.get("REMOTE_ADDR") or None
