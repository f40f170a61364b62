"""A request's client address, and whether it goes to the API."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.http import HttpRequest

Address = IPv4Address | IPv6Address


ADMIN_ROOT = "/admin/"  # in config/urls.py, as are the next
# pages with our own scripts
WORK_ROOTS = (
    *("/billing/", "/calendar/", "/duplicates/", "/forms/", "/import/", "/language/", "/letter-templates/", "/me/"),
    *("/messages/", "/my-day/", "/notes/", "/numbers/", "/patients/", "/prescriptions/", "/privacy/", "/search/"),
    *("/session/", "/second-factor/"),
)
TABLET_ROOT = "/tablet/"  # with our own scripts, and nobody signed in
SIGN_IN_PAGES = ("/", "/sign-out/")
SITE_BITS = 64  # bits of an IPv6 address: the network that one connection is given (RFC 6177)


def client_address(request: HttpRequest) -> str | None:
    """Return the client's address, as lockout, sessions and audit events record it. Behind a trusted proxy too, it is
    the client's own (core/middleware/proxies.py)."""
    return request.META.get("REMOTE_ADDR") or None


def counted_address(request: HttpRequest) -> str:
    """Return what rate limits count by: the IPv4 address or the IPv6 network, whose owner could change addresses."""
    address = parse_address(client_address(request) or "")
    return str(ip_network((address, SITE_BITS), strict=False)) if isinstance(address, IPv6Address) else str(address)


def is_api(request: HttpRequest) -> bool:
    """Return whether the request goes to the JSON API (/auth/ is its part for mobile apps, /ws/ that of live updates)
    and not to a page."""
    path = request.path_info
    return path in ("/api", "/auth") or path.startswith(("/api/", "/auth/", "/ws/"))


def is_in_admin(request: HttpRequest) -> bool:
    """Compare the path alone: the result of `reverse` depends on where the server is mounted."""
    return request.path_info.startswith(ADMIN_ROOT)


def is_daily_work(request: HttpRequest) -> bool:
    return request.path_info.startswith(WORK_ROOTS)


def is_on_tablet(request: HttpRequest) -> bool:
    """Return whether the request goes to a page that never asks who is signed in."""
    return request.path_info.startswith(TABLET_ROOT)


def is_sign_in_page(request: HttpRequest) -> bool:
    return request.path_info in SIGN_IN_PAGES


def is_on_site(request: HttpRequest) -> bool:
    """Return whether the request goes to a page that knows who is signed in."""
    return is_in_admin(request) or is_daily_work(request) or is_sign_in_page(request)


@lru_cache(maxsize=4096)
def parse_address(hop: str) -> Address | None:
    """Parse an address as proxies write it, with or without port and brackets; None if it is invalid.

    An IPv4-mapped IPv6 address becomes the IPv4 address, so that a client counts once.
    """
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or (None if address.scope_id else address)
