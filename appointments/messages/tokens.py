"""The links in messages with which patients act without signing in. A link is signed for one purpose alone, over the
moment until which it is good: to confirm or cancel a visit until it begins, which ends when it is moved, too; to accept
or decline an offer until it expires."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import datetime
from enum import Enum
from functools import cache
from uuid import UUID

from django.conf import settings
from django.urls import reverse

ID_BYTES, MAC_BYTES = 16, 12
ANY = "*"


class LinkKind(Enum):
    """What a link is for, and the name of its page. They stay: links that were sent carry them."""

    VISIT = b"appointments.visit_link", "visit_link"
    OFFER = b"appointments.offer_link", "offer_link"

    @property
    def purpose(self) -> bytes:
        return self.value[0]

    @property
    def page(self) -> str:
        return self.value[1]


@cache
def _key(secret: str, purpose: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose, hashlib.sha256)


def _mac(kind: LinkKind, practice_id: UUID, row_id: UUID, until: datetime) -> bytes:
    signed = practice_id.bytes + row_id.bytes + int(until.timestamp()).to_bytes(8, "big", signed=True)
    return hmac.digest(_key(settings.SECRET_KEY, kind.purpose), signed, hashlib.sha256)[:MAC_BYTES]


def link_of(kind: LinkKind, practice_id: UUID, row_id: UUID, until: datetime) -> str:
    raw = practice_id.bytes + row_id.bytes + _mac(kind, practice_id, row_id, until)
    token = urlsafe_b64encode(raw).decode().rstrip("=")
    return settings.SITE_URL + _path(kind.page).replace(ANY, token)


@cache
def _path(page: str) -> str:
    """Return the path of a page once for all links to it."""
    return reverse(page, args=[ANY])


def read(token: str) -> tuple[UUID, UUID, bytes] | None:
    """Return practice, visit or offer, and signature, which is not checked yet; None if this is not a token."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (Base64Error, UnicodeEncodeError, ValueError):
        return None
    if len(raw) != 2 * ID_BYTES + MAC_BYTES:
        return None
    return UUID(bytes=raw[:ID_BYTES]), UUID(bytes=raw[ID_BYTES : 2 * ID_BYTES]), raw[2 * ID_BYTES :]


def is_signed(kind: LinkKind, practice_id: UUID, row_id: UUID, until: datetime, mac: bytes) -> bool:
    return hmac.compare_digest(_mac(kind, practice_id, row_id, until), mac)
