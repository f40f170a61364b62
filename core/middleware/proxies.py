"""Forwarded headers, which only trusted proxies may set."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.client import Address, parse_address


class TrustedProxies:
    """The outermost middleware: the code after it may rely on forwarded headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        apply_forwarded_headers(request.META)
        return self.get_response(request)


MAX_HOPS = 20
PASSED_ON = "praxis.passed_on"  # whether somebody says that a proxy stands between, whoever says so


# What a proxy says about its client. Removed if it comes from anyone else, even where no code reads it.
FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_X_REQUEST_ID",
)


def apply_forwarded_headers(meta: dict[str, Any]) -> None:
    """Set REMOTE_ADDR to the client's address, and keep of the forwarded headers only the scheme (https if every hop
    says so) and the request id, both only from a trusted proxy."""
    forwarded = {name: str(meta.pop(name)) for name in FORWARDED if name in meta}
    meta[PASSED_ON] = bool(forwarded)
    peer = parse_address(str(meta.get("REMOTE_ADDR", "")))
    if peer is None:
        return
    meta["REMOTE_ADDR"] = str(peer)
    if not _is_trusted(peer):
        return
    meta["REMOTE_ADDR"] = str(_caller(peer, forwarded.get("HTTP_X_FORWARDED_FOR", "")))
    if {hop.strip().lower() for hop in forwarded.get("HTTP_X_FORWARDED_PROTO", "").split(",")} == {"https"}:
        meta["HTTP_X_FORWARDED_PROTO"] = "https"
    if "HTTP_X_REQUEST_ID" in forwarded:
        meta["HTTP_X_REQUEST_ID"] = forwarded["HTTP_X_REQUEST_ID"]


def _caller(peer: Address, forwarded: str) -> Address:
    """Return the rightmost address that is not a trusted proxy.

    Each trusted proxy has appended its client's address; anything left of that may be forged. If a hop is not a valid
    address, the one to its right is the last that is known.
    """
    caller = peer
    for hop in reversed(forwarded.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        address = parse_address(hop)
        if address is None:
            return caller
        caller = address
        if not _is_trusted(address):
            return caller
    return caller


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)
