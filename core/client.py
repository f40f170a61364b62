"""Who is at the other end of a request, and which side of Praxis they came to."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
MOST_HOPS = 20
ONE_SITE = 64  # bits of an IPv6 address: what one connection is given, all of it to use (RFC 6177)
# What a proxy says about its caller; from anybody else it is hearsay. Some of it no code of ours reads; gone is gone.
FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_X_REQUEST_ID",
)


def client_address(request: HttpRequest) -> str | None:
    """The address that lockout, sessions and trail name: the caller's own, behind a proxy too, for `believe_proxies`
    has seen to it."""
    return request.META.get("REMOTE_ADDR") or None


def counted_address(request: HttpRequest) -> str:
    """What the limits count by: nobody gets a fresh count by taking another address of their own IPv6 network."""
    address = parsed(client_address(request) or "")
    return str(ip_network((address, ONE_SITE), strict=False)) if isinstance(address, IPv6Address) else str(address)


def is_api(request: HttpRequest) -> bool:
    """The JSON API, not a page; /auth/ is where the documents have mobile apps sign in."""
    path = request.path_info
    return path in ("/api", "/auth") or path.startswith(("/api/", "/auth/"))


def believe_proxies(meta: dict[str, Any]) -> None:
    """Make REMOTE_ADDR the caller's address, and leave of the forwarded headers what a trusted proxy said: the scheme
    (https only where every hop says so) and the request id. From anybody else nothing is left."""
    said = {name: str(meta.pop(name)) for name in FORWARDED if name in meta}
    peer = parsed(str(meta.get("REMOTE_ADDR", "")))
    if peer is None:
        return
    meta["REMOTE_ADDR"] = str(peer)
    if not _is_trusted(peer):
        return
    meta["REMOTE_ADDR"] = str(_caller(peer, said.get("HTTP_X_FORWARDED_FOR", "")))
    if {hop.strip().lower() for hop in said.get("HTTP_X_FORWARDED_PROTO", "").split(",")} == {"https"}:
        meta["HTTP_X_FORWARDED_PROTO"] = "https"
    if "HTTP_X_REQUEST_ID" in said:
        meta["HTTP_X_REQUEST_ID"] = said["HTTP_X_REQUEST_ID"]


def _caller(peer: Address, forwarded: str) -> Address:
    """The rightmost address that is no proxy of ours: each of ours wrote who called it, and what stands left of that
    anybody may have written. Where a hop's word is no address, the last one before it is all that is known."""
    caller = peer
    for hop in reversed(forwarded.rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
        address = parsed(hop)
        if address is None:
            return caller
        caller = address
        if not _is_trusted(address):
            return caller
    return caller


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def parsed(hop: str) -> Address | None:
    """An address as proxies write it, with a port or brackets or without; None of what is none. IPv4 inside IPv6 is
    the IPv4 address, so that nobody counts as two."""
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
