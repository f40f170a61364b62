"""Bearer tokens of mobile apps and other programs: a short-lived access token, and a refresh token that works once.

Each refresh gives a new pair (RFC 9700 4.14.2). The row keeps the hash of the refresh token that works and of the one
before it. The one before it gives the same pair again for GRACE, to a client that lost the answer: the new tokens
follow from the old one, so there is never a second pair. Any older one has been copied by somebody: the session ends.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import sessions
from accounts.models import Ending, Session
from accounts.sign_in_trail import tell
from accounts.tokens import Kind, access_life, issue
from audit.events import Kind as Event
from core.errors import NotSignedIn
from core.tenancy import installation_scope

GRACE = timedelta(seconds=10)


class Pair(NamedTuple):
    """`expires_in`: of the access token, in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


def first_pair(session: Session) -> Pair:
    """The tokens of a session that has just begun."""
    now = timezone.now()
    pair = _pair(session, begun=now, now=now)
    Session.objects.filter(pk=session.pk).update(refresh_hash=_hash(pair.refresh_token))
    return pair


def refresh(token: str) -> Pair:
    """The next pair for a refresh token. Raises NotSignedIn, after ending the session where the token is an old one,
    and TrailDown, with the token as good as before."""
    session_id = sessions.session_of_refresh(token, Kind.BEARER_REFRESH).pk
    pair = _rotate(session_id, token)
    if pair is None:
        sessions.end(session_id=session_id, ending=Ending.REUSED)
        raise NotSignedIn(sessions.ENDED_SENTENCE)
    return pair


@installation_scope()
@transaction.atomic
def _rotate(session_id: UUID, token: str) -> Pair | None:
    """Parallel refreshes queue on the session's row; None for a token that has been replaced for longer than GRACE."""
    session = Session.objects.select_for_update(of=("self",)).select_related("user").get(pk=session_id)
    now, presented = timezone.now(), _hash(token)
    if not session.is_live(at=now):
        raise NotSignedIn(sessions.ENDED_SENTENCE)  # ended since it was looked up
    if session.replaced_at and now - session.replaced_at <= GRACE and _is(session.replaced_hash, presented):
        tell(Event.REFRESHED, session.user, by=session.user, session=session.pk, again=True)
        return _pair(session, begun=session.replaced_at, now=now, after=token)
    if not _is(session.refresh_hash, presented):
        return None
    pair = _pair(session, begun=now, now=now, after=token)
    session.refresh_hash, session.replaced_hash, session.replaced_at = _hash(pair.refresh_token), presented, now
    session.save(update_fields=["refresh_hash", "replaced_hash", "replaced_at", "updated_at"])
    tell(Event.REFRESHED, session.user, by=session.user, session=session.pk)
    return pair


def _pair(session: Session, *, begun: datetime, now: datetime, after: str = "") -> Pair:
    """`begun`: when the pair was first given; `after`: the refresh token that it follows from, the first from none."""
    access = issue(session, Kind.ACCESS, at=begun, jti=_follows(after, Kind.ACCESS))
    refresh_token = issue(session, Kind.BEARER_REFRESH, at=begun, jti=_follows(after, Kind.BEARER_REFRESH))
    left = min(begun + access_life(), session.expires_at) - now
    return Pair(access, refresh_token, max(0, int(left.total_seconds())))


def _follows(token: str, kind: Kind) -> str:
    if not token:
        return ""
    return hmac.digest(settings.SECRET_KEY.encode(), f"{kind} after {token}".encode(), "sha256").hex()[:32]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _is(stored: Any, presented: bytes) -> bool:
    return stored is not None and hmac.compare_digest(bytes(stored), presented)
