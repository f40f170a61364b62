"""The JWTs in the two cookies and of bearer clients. simplejwt encodes and verifies them; whether their session is live
is up to the session."""

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

from accounts.models import LoginSession
from accounts.roles import public_role
from core.encryption.fields import unreadable_marked


class TokenType(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    BEARER_REFRESH = "bearer_refresh"  # works once (accounts/api_clients/refresh_rotation.py); never in a cookie


class InvalidToken(Exception):
    """The token is forged, malformed, of another kind, or expired."""


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


def issue(session: LoginSession, kind: TokenType, *, at: datetime | None = None, jti: str = "") -> str:
    """Return a token for this session, which it never outlives, with claims from the user's current row. The same `at`
    and `jti` give the same token again."""
    at = at or timezone.now()
    payload: dict[str, Any] = {
        "sub": str(session.user_id),
        "exp": int(_expiry(session, kind, at).timestamp()),
        "iat": int(at.timestamp()),
        "jti": jti or uuid4().hex,
        "sid": str(session.pk),
        "type": kind.value,
    }
    return _backend().encode(payload if kind is TokenType.BEARER_REFRESH else {**payload, **_person(session)})


def _expiry(session: LoginSession, kind: TokenType, at: datetime) -> datetime:
    ends: datetime = session.expires_at
    return min(at + access_life(), ends) if kind is TokenType.ACCESS else ends


def _person(session: LoginSession) -> dict[str, Any]:
    with unreadable_marked():  # a lost encryption key must not lock anyone out
        return {"email": session.user.email, "role": public_role(session.user.role)}


def read(token: str, kind: TokenType, *, allow_expired: bool = False) -> Claims:
    """Return the claims of a valid token of this kind; `allow_expired` accepts one for as long as a session can last.

    Raises InvalidToken.
    """
    try:
        payload = _verified(token)
        claims = Claims(UUID(payload["sid"]), UUID(payload["sub"]))
        if payload["type"] != kind or (payload["exp"] <= time.time() and not allow_expired):
            raise InvalidToken
    except (TokenBackendError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken from error
    return claims


@lru_cache(maxsize=4096)
def _verified(token: str) -> dict[str, Any]:
    """Return the payload of a token with a valid signature. The signature is checked once per token; expiry is checked
    on every read."""
    return _backend().decode(token)  # type: ignore[arg-type]
