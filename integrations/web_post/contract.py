"""What an address must be, and how sending fails."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

MAX_URL = 500
# IPv6 addresses that stand for an IPv4 one, which is what is asked about: 6to4, Teredo, NAT64 (RFC 3056, 4380, 6052)
_CARRYING = [ip_network(network) for network in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")]

# A name with a dot, whose last part begins with a letter: resolvers read 127.1, 0x7f.0x1 and 2130706433 as addresses.
# Not those of RFC 6761, 6762 and 8375, and what networks at home and at work use. What any other name leads to is asked
# before each connection.
_PRIVATE = r"(?:localhost|local|internal|lan|localdomain|home\.arpa)"
_PUBLIC_NAME = re.compile(rf"(?!(?:.*\.)?{_PRIVATE}\.?$)(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*\.?")


class PostFailed(Exception):
    """It was not accepted. `reason` is fixed words, `status` what the server answered, `permanent` whether the address
    itself is at fault."""

    def __init__(self, reason: str, *, status: int | None = None, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.status, self.permanent = reason, status, permanent


def check_url(url: str) -> SplitResult:
    """Return the parts of an address that may be sent to. Raises ValueError, whose text says what it must be."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError as error:
        raise ValueError("not an address") from error
    if parts.scheme != "https" or not host or port == 0:
        raise ValueError("not https")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("more than an address")
    if len(url) > MAX_URL or not url.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise ValueError("not an address")
    literal = _literal(host)
    if not (is_public(literal) if literal is not None else _PUBLIC_NAME.fullmatch(host)):
        raise ValueError("not public")
    return parts


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether it is somewhere in the internet."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _CARRYING):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
