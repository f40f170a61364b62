"""Authentication of API requests by the access token of a session."""

from uuid import UUID

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import User
from accounts.sessions import services as sessions
from accounts.sessions.cookies import ACCESS_COOKIE
from accounts.sessions.tokens import InvalidToken, TokenType, read
from core.api import throttling
from core.errors import NotSignedIn

BEARER = "bearer"  # RFC 6750 2.1; the scheme is case-insensitive
CHALLENGE = 'Bearer realm="praxis"'  # RFC 6750 3


def bearer_token(request: HttpRequest | Request) -> str | None:
    """Return the bearer token in the Authorization header, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == BEARER else None


class TokenAuthentication(BaseAuthentication):
    """The access token of the Authorization header, else of the contract's `access_token` cookie."""

    def authenticate(self, request: Request) -> tuple[User, UUID | None] | None:
        """Return the user and, as `request.auth`, the id of their session."""
        token = bearer_token(request)
        if token is None:
            token = request.COOKIES.get(ACCESS_COOKIE) or None
        if token is None:
            return None
        try:
            user, within_limit = sessions.authenticate(read(token, TokenType.ACCESS))
        except InvalidToken as error:
            raise AuthenticationFailed(sessions.ENDED_SENTENCE) from error
        except NotSignedIn as refusal:
            raise AuthenticationFailed(refusal.detail) from refusal
        throttling.store_verdict(request._request, within=within_limit)
        return user, user.session_id

    def authenticate_header(self, request: Request) -> str:
        """Return a challenge, which makes DRF answer 401 and not 403."""
        if bearer_token(request) is not None:
            return f'{CHALLENGE}, error="invalid_token"'
        return "Cookie" if ACCESS_COOKIE in request.COOKIES else CHALLENGE
