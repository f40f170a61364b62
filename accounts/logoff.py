"""Automatic logoff (45 CFR 164.312(a)(2)(iii)): whoever works here is signed out after IDLE_LOGOFF_MINUTES without a
request, wherever they were signed in.

When a session was last seen is kept in the cache to the request, and in its row to the minute; what the cache has lost
the row still tells. docs/adr/0008 says what that means at the edge.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from core import redis


def concerns(user: User) -> bool:
    """Patients stay signed in on their own devices."""
    return settings.IDLE_LOGOFF_MINUTES > 0 and user.role != Role.PATIENT


def idle_limit() -> timedelta:
    return timedelta(minutes=settings.IDLE_LOGOFF_MINUTES)


def earliest() -> datetime:
    """Whoever has not been seen since then has timed out."""
    return timezone.now() - idle_limit()


def timed_out(user: User, *, last_seen: datetime) -> bool:
    return concerns(user) and last_seen < earliest()


def key(session_id: UUID) -> str:
    return f"seen:{session_id}"


def stored(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"


def remembered(session_id: UUID) -> datetime | None:
    """When the cache saw this session last; None where it does not know."""
    name = key(session_id)
    try:
        seen = redis.ask(lambda client: client.get(name)) if redis.configured() else cache.get(name)
    except redis.RedisDown:
        return None
    return datetime.fromtimestamp(float(seen), UTC) if seen else None


def remember(session_id: UUID) -> None:
    """In the one process's cache; Redis learns it together with the session (accounts/session_cache.py)."""
    cache.set(key(session_id), stored(timezone.now()), timeout=settings.IDLE_LOGOFF_MINUTES * 60)
