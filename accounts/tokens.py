"""The JWTs: in the two cookies, and of bearer clients. simplejwt encodes and checks them; whether their session lives,
the session tells."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from uuid_utils.compat import uuid4

from accounts.models import Session
from accounts.roles import public_role
from core.encryption.fields import unreadable_marked


class Kind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    BEARER_REFRESH = "bearer_refresh"  # works once (accounts/bearer.py); no cookie ever holds one


class InvalidToken(Exception):
    """Forged, broken, of the other kind, or expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    session_id: UUID
    user_id: UUID


@cache
def _backend() -> TokenBackend:
    return TokenBackend(settings.ALGORITHM, settings.SECRET_KEY, leeway=refresh_life())


def access_life() -> timedelta:
    return timedelta(minutes=settings.ACCESS_TOKEN_EXPIRE_MINUTES)


def refresh_life() -> timedelta:
    return timedelta(days=settings.REFRESH_TOKEN_EXPIRE_DAYS)


def issue(session: Session, kind: Kind, *, at: datetime | None = None, jti: str = "") -> str:
    """A token of this session; it never outlives it. Claims come from the user's row as it is now. The same `at` and
    `jti` give the same token again."""
    at = at or timezone.now()
    payload: dict[str, Any] = {
        "sub": str(session.user_id),
        "exp": int(_expiry(session, kind, at).timestamp()),
        "iat": int(at.timestamp()),
        "jti": jti or uuid4().hex,
        "sid": str(session.pk),
        "type": kind.value,
    }
    return _backend().encode(payload if kind is Kind.BEARER_REFRESH else {**payload, **_person(session)})


def _expiry(session: Session, kind: Kind, at: datetime) -> datetime:
    ends: datetime = session.expires_at
    return min(at + access_life(), ends) if kind is Kind.ACCESS else ends


def _person(session: Session) -> dict[str, Any]:
    with unreadable_marked():  # a lost key closes nobody's account
        return {"email": session.user.email, "role": public_role(session.user.role)}


def read(token: str, kind: Kind, *, even_expired: bool = False) -> Claims:
    """The claims of a token of this kind that we issued and that has not expired (`even_expired`: as long as its
    session can live); raises InvalidToken."""
    try:
        payload = _verified(token)
        claims = Claims(UUID(payload["sid"]), UUID(payload["sub"]))
        if payload["type"] != kind or (payload["exp"] <= time.time() and not even_expired):
            raise InvalidToken
    except (TokenBackendError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken from error
    return claims


@lru_cache(maxsize=4096)
def _verified(token: str) -> dict[str, Any]:
    """The payload of a token whose signature is ours. That never changes, so it is checked once a token; when it
    expires is looked at on every read."""
    return _backend().decode(token)  # type: ignore[arg-type]
