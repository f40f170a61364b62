"""The links with which patients confirm or cancel a visit. A link is signed for this purpose alone, over the visit's
time: once it is moved, or has begun, the link is good for nothing."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import datetime
from functools import cache
from uuid import UUID

from django.conf import settings
from django.urls import reverse

ID_BYTES, MAC_BYTES = 16, 12
PURPOSE = b"appointments.visit_link"  # stays: links that were sent carry it


@cache
def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), PURPOSE, hashlib.sha256)


def _mac(practice_id: UUID, visit_id: UUID, starts_at: datetime) -> bytes:
    signed = practice_id.bytes + visit_id.bytes + int(starts_at.timestamp()).to_bytes(8, "big", signed=True)
    return hmac.digest(_key(settings.SECRET_KEY), signed, hashlib.sha256)[:MAC_BYTES]


def link_of(practice_id: UUID, visit_id: UUID, starts_at: datetime) -> str:
    raw = practice_id.bytes + visit_id.bytes + _mac(practice_id, visit_id, starts_at)
    token = urlsafe_b64encode(raw).decode().rstrip("=")
    return settings.SITE_URL + reverse("visit_link", args=[token])


def read(token: str) -> tuple[UUID, UUID, bytes] | None:
    """Return practice, visit and signature, which is not checked yet; None for what is no token."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (Base64Error, UnicodeEncodeError, ValueError):
        return None
    if len(raw) != 2 * ID_BYTES + MAC_BYTES:
        return None
    return UUID(bytes=raw[:ID_BYTES]), UUID(bytes=raw[ID_BYTES : 2 * ID_BYTES]), raw[2 * ID_BYTES :]


def is_signed(practice_id: UUID, visit_id: UUID, starts_at: datetime, mac: bytes) -> bool:
    return hmac.compare_digest(_mac(practice_id, visit_id, starts_at), mac)
