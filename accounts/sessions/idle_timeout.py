"""Automatic logoff (45 CFR 164.312(a)(2)(iii)): a staff session ends after IDLE_LOGOFF_MINUTES without a request.

The cache has the exact time of the last request; the session's row is up to a minute behind and is the fallback.
docs/adr/0008 explains what that means at the limit.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from core.cache import redis_client


def applies_to(user: User) -> bool:
    """Return whether this user's sessions time out. Patients stay signed in on their own devices."""
    return settings.IDLE_LOGOFF_MINUTES > 0 and user.role != Role.PATIENT


def for_templates(request: HttpRequest) -> dict[str, Callable[[], int]]:
    """Return the seconds after which the page's session times out, 0 for never; a context processor for
    templates/idle.html."""

    def idle_seconds() -> int:
        user = request.user
        return settings.IDLE_LOGOFF_MINUTES * 60 if user.is_authenticated and applies_to(user) else 0

    return {"idle_seconds": idle_seconds}


def idle_limit() -> timedelta:
    return timedelta(minutes=settings.IDLE_LOGOFF_MINUTES)


def cutoff() -> datetime:
    """Return the time before which a last request means that the session has timed out."""
    return timezone.now() - idle_limit()


def has_timed_out(user: User, *, last_seen: datetime) -> bool:
    return applies_to(user) and last_seen < cutoff()


def cache_key(session_id: UUID) -> str:
    return f"seen:{session_id}"


def encode_time(time: datetime) -> str:
    return f"{time.timestamp():.6f}"


def last_seen(session_id: UUID) -> datetime | None:
    """Return when this session was last seen, or None if the cache does not know."""
    name = cache_key(session_id)
    try:
        seen = redis_client.call(lambda client: client.get(name)) if redis_client.configured() else cache.get(name)
    except redis_client.RedisDown:
        return None
    return datetime.fromtimestamp(float(seen), UTC) if seen else None


def touch(session_id: UUID) -> None:
    """Record in the process's cache that the session was seen now. Redis is updated by accounts/sessions/cache.py."""
    cache.set(cache_key(session_id), encode_time(timezone.now()), timeout=settings.IDLE_LOGOFF_MINUTES * 60)
