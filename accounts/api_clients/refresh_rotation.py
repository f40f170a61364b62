"""Bearer tokens of mobile apps and other programs: a short-lived access token, and a refresh token that works once.

Each refresh gives a new pair (RFC 9700 4.14.2). The row keeps the hash of the refresh token that works and of the one
before it. The previous one gives the same pair again during GRACE_PERIOD, for a client that lost the response: the new
tokens are derived from the old one, so there is never a second pair. An older one must have been copied: the session
ends.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import log_event
from accounts.models import LoginSession, RevocationReason
from accounts.sessions import services as sessions
from accounts.sessions.tokens import TokenType, access_life, issue
from audit.events import AuditEvent as Event
from core.errors import NotSignedIn
from core.tenancy.scope import installation_scope

GRACE_PERIOD = timedelta(seconds=10)


class TokenPair(NamedTuple):
    """Two tokens; `expires_in` is the access token's remaining life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


def issue_first_pair(session: LoginSession) -> TokenPair:
    """Return the tokens of a session that has just begun."""
    now = timezone.now()
    pair = _pair(session, begun=now, now=now)
    LoginSession.objects.filter(pk=session.pk).update(refresh_hash=_hash(pair.refresh_token))
    return pair


def refresh(token: str) -> TokenPair:
    """Return the next pair for a refresh token.

    Raises NotSignedIn, after ending the session if the token is an old one, and AuditLogUnavailable, after which the
    token is still good.
    """
    session_id = sessions.get_session_of_refresh_token(token, TokenType.BEARER_REFRESH).pk
    pair = _rotate(session_id, token)
    if pair is None:
        sessions.end(session_id=session_id, reason=RevocationReason.REUSED)
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    return pair


@installation_scope()
@transaction.atomic
def _rotate(session_id: UUID, token: str) -> TokenPair | None:
    """Return the next pair, or None for a token that was replaced more than GRACE_PERIOD ago. Parallel refreshes wait
    for the session's row."""
    session = LoginSession.objects.select_for_update(of=("self",)).select_related("user").get(pk=session_id)
    now, presented = timezone.now(), _hash(token)
    if not session.is_live(at=now):
        raise NotSignedIn(sessions.ENDED_SENTENCE)  # ended since it was looked up
    if session.replaced_at and now - session.replaced_at <= GRACE_PERIOD and _matches(session.replaced_hash, presented):
        log_event(Event.REFRESHED, session.user, by=session.user, session=session.pk, again=True)
        return _pair(session, begun=session.replaced_at, now=now, after=token)
    if not _matches(session.refresh_hash, presented):
        return None
    pair = _pair(session, begun=now, now=now, after=token)
    session.refresh_hash, session.replaced_hash, session.replaced_at = _hash(pair.refresh_token), presented, now
    session.save(update_fields=["refresh_hash", "replaced_hash", "replaced_at", "updated_at"])
    log_event(Event.REFRESHED, session.user, by=session.user, session=session.pk)
    return pair


def _pair(session: LoginSession, *, begun: datetime, now: datetime, after: str = "") -> TokenPair:
    """Return a pair; `begun` is when it was first issued, `after` the refresh token that it is derived from, if any."""
    access = issue(session, TokenType.ACCESS, at=begun, jti=_derive_jti(after, TokenType.ACCESS))
    refresh_token = issue(session, TokenType.BEARER_REFRESH, at=begun, jti=_derive_jti(after, TokenType.BEARER_REFRESH))
    left = min(begun + access_life(), session.expires_at) - now
    return TokenPair(access, refresh_token, max(0, int(left.total_seconds())))


def _derive_jti(token: str, kind: TokenType) -> str:
    if not token:
        return ""
    return hmac.digest(settings.SECRET_KEY.encode(), f"{kind} after {token}".encode(), "sha256").hex()[:32]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _matches(stored: Any, presented: bytes) -> bool:
    return stored is not None and hmac.compare_digest(bytes(stored), presented)
