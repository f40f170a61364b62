"""How a request is tied to a user: an access token on the API, email and password at sign-in."""

from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import sessions
from accounts.cookies import ACCESS_COOKIE
from accounts.lockout import clear_attempts
from accounts.models import User
from accounts.tokens import InvalidToken, Kind, read
from core.errors import NotSignedIn

BEARER = "bearer"  # RFC 6750 2.1; the scheme's name has no case
CHALLENGE = 'Bearer realm="praxis"'  # RFC 6750 3


def bearer_token(request: HttpRequest | Request) -> str | None:
    """What the Authorization header holds as a bearer token; None where it speaks of none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == BEARER else None


class TokenAuthentication(BaseAuthentication):
    """The access token of the Authorization header, else of the contract's `access_token` cookie."""

    def authenticate(self, request: Request) -> tuple[User, bool | None] | None:
        """The user, and as `request.auth` whether the call is within their limit (None: not counted yet)."""
        token = bearer_token(request)
        if token is None:
            token = request.COOKIES.get(ACCESS_COOKIE) or None
        if token is None:
            return None
        try:
            return sessions.user_of(read(token, Kind.ACCESS))
        except InvalidToken as error:
            raise AuthenticationFailed(sessions.ENDED_SENTENCE) from error
        except NotSignedIn as refusal:
            raise AuthenticationFailed(refusal.detail) from refusal

    def authenticate_header(self, request: Request) -> str:
        """What makes DRF answer 401 and not 403."""
        if bearer_token(request) is not None:
            return f'{CHALLENGE}, error="invalid_token"'
        return "Cookie" if ACCESS_COOKIE in request.COOKIES else CHALLENGE


class EmailBackend:
    """Django's authentication backend for the API's sign-in and the admin's login form alike."""

    def authenticate(
        self, request: HttpRequest | None, username: str = "", password: str = "", **kwargs: Any
    ) -> User | None:
        """The active user with this email and password, else None; both take one password hash of time. The right
        password gives back what lockout counted before."""
        user = User.sign_in.with_email(username)
        if user is None:
            make_password(password)
            return None
        if not check_password(password, user.password) or not user.is_active:
            return None
        clear_attempts(username)  # as typed: a lost key closes nobody's account
        return user

    def get_user(self, user_id: str) -> User | None:
        """The user of an admin session."""
        return User.sign_in.select_related("practice").filter(pk=user_id, is_active=True).first()
