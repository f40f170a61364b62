"""POST over HTTPS. The name is resolved once, every address it has is checked, and the connection goes to the checked
one: a name that resolves otherwise the next moment changes nothing. No redirect is followed, no proxy used, and of the
answer only its first line is read."""

import socket
import ssl
import time
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult

from django.utils.translation import gettext as _

from integrations.web_post.contract import PostFailed, check_url, is_public

SECONDS = 10.0  # for all of it
MAX_LINE = 4096
PORT = 443


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = SECONDS) -> int:
    """Send the body and return the status, which is 2xx. Raises PostFailed."""
    try:
        parts = check_url(url)
    except ValueError as error:
        raise PostFailed(_("The address may not be sent to."), permanent=True) from error
    deadline = time.monotonic() + seconds
    try:
        with _connect(parts, deadline) as connection:
            connection.sendall(_request(parts, body, headers))
            status = _status(connection, deadline)
    except TimeoutError as error:
        raise PostFailed(_("No answer in time.")) from error
    except ssl.SSLCertVerificationError as error:
        raise PostFailed(_("The certificate can't be verified.")) from error
    except (OSError, ssl.SSLError) as error:
        raise PostFailed(_("No connection.")) from error
    if not 200 <= status < 300:
        raise PostFailed(_("The answer was %(status)s.") % {"status": status}, status=status)
    return status


def resolve(host: str, port: int) -> str:
    """Return the address to connect to. Raises PostFailed if there is none, or any of them is not public: a name that
    has both kinds is meant to be mistaken."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PostFailed(_("The name is not known.")) from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(ip_address(address.partition("%")[0])) for address in addresses):
        raise PostFailed(_("The name leads to an address that is not public."))
    return addresses[0]


def _connect(parts: SplitResult, deadline: float) -> ssl.SSLSocket:
    host, port = _host(parts), parts.port or PORT
    plain = socket.create_connection((resolve(host, port), port), timeout=_left(deadline))
    try:
        plain.settimeout(_left(deadline))
        return context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
    host = f"[{_host(parts)}]" if ":" in _host(parts) else _host(parts)
    lines = [
        f"POST {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1",
        f"Host: {host}{f':{parts.port}' if parts.port else ''}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _status(connection: ssl.SSLSocket, deadline: float) -> int:
    """Read the first line, however slowly it comes, until the time is over."""
    said = b""
    while b"\n" not in said:
        connection.settimeout(_left(deadline))
        part = connection.recv(MAX_LINE - len(said))
        if not part:
            raise PostFailed(_("The answer was cut off."))
        said += part
        if len(said) >= MAX_LINE and b"\n" not in said:
            raise PostFailed(_("The answer isn't HTTP."))
    words = said.split(b"\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit() or len(words[1]) != 3:
        raise PostFailed(_("The answer isn't HTTP."))
    return int(words[1])


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").encode("idna").decode("ascii")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
