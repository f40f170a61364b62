"""Tickets: how a client with a bearer token, which a browser cannot send with a WebSocket, opens one. A ticket is
signed, good once and for seconds; it stands in an address, which our log lines do not hold."""

import secrets
from uuid import UUID

from django.core import signing
from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.errors import NotSignedIn, Unavailable

LIFE = 30  # seconds
NOT_VALID = _("This ticket isn't valid. Ask for a new one.")
_signer = signing.TimestampSigner(salt="live.ticket")


def issue(user: User) -> str:
    """Return a ticket for who is signed in, or for the program that acts."""
    held = [str(user.pk), str(user.session_id or ""), str(user.api_key_id or ""), secrets.token_urlsafe(12)]
    return _signer.sign_object(held)


def redeem(ticket: str) -> tuple[UUID, UUID | None, UUID | None]:
    """Return the ids of the user, and of the session or the key. Raises NotSignedIn, also the second time; Unavailable
    if it cannot be told whether it is the first."""
    try:
        user_id, session_id, api_key_id, nonce = _signer.unsign_object(ticket, max_age=LIFE)
    except (signing.BadSignature, ValueError) as error:
        raise NotSignedIn(NOT_VALID) from error
    try:
        is_first = cache.add(f"live.ticket:{nonce}", 1, timeout=2 * LIFE)
    except Exception as error:  # django-redis raises those of its driver
        raise Unavailable(_("This isn't available right now. Please try again in a moment.")) from error
    if not is_first:
        raise NotSignedIn(NOT_VALID)
    return UUID(user_id), UUID(session_id) if session_id else None, UUID(api_key_id) if api_key_id else None
