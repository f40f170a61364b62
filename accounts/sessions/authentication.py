"""Authentication of API requests by the access token of a session."""

from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.api_keys import services as api_keys
from accounts.models import User
from accounts.sessions import services as sessions
from accounts.sessions.cookies import ACCESS_COOKIE
from accounts.sessions.tokens import InvalidToken, TokenType, read
from core.api import throttling
from core.errors import NotSignedIn

BEARER = "bearer"  # RFC 6750 2.1; the scheme is case-insensitive
NOT_HERE = _("An API key can't be used here.")
CHALLENGE = 'Bearer realm="praxis"'  # RFC 6750 3


def bearer_token(request: HttpRequest | Request) -> str | None:
    """Return the bearer token in the Authorization header, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == BEARER else None


class TokenAuthentication(BaseAuthentication):
    """The access token or the API key of the Authorization header, else the access token of the contract's cookie."""

    def authenticate(self, request: Request) -> tuple[User, UUID | None] | None:
        """Return the user and, as `request.auth`, the id of their session."""
        token = bearer_token(request)
        if token is not None and api_keys.looks_like_one(token):
            return self._by_api_key(request, token), None
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

    def _by_api_key(self, request: Request, key: str) -> User:
        if not getattr(request.parser_context["view"], "takes_api_keys", False):
            raise AuthenticationFailed(NOT_HERE)
        try:
            return api_keys.authenticate(key)
        except NotSignedIn as refusal:
            raise AuthenticationFailed(refusal.detail) from refusal

    def authenticate_header(self, request: Request) -> str:
        """Return a challenge, which makes DRF answer 401 and not 403."""
        if bearer_token(request) is not None:
            return f'{CHALLENGE}, error="invalid_token"'
        return "Cookie" if ACCESS_COOKIE in request.COOKIES else CHALLENGE
