"""How a request is tied to a user: the access cookie on the API, email and password at sign-in."""

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


class CookieAuthentication(BaseAuthentication):
    """The `access_token` cookie of the contract."""

    def authenticate(self, request: Request) -> tuple[User, bool | None] | None:
        """The user, and as `request.auth` whether the call is within their limit (None: not counted yet)."""
        token = request.COOKIES.get(ACCESS_COOKIE)
        if not token:
            return None
        try:
            return sessions.user_of(read(token, Kind.ACCESS))
        except InvalidToken as error:
            raise AuthenticationFailed(sessions.ENDED_SENTENCE) from error
        except NotSignedIn as refusal:
            raise AuthenticationFailed(refusal.detail) from refusal

    def authenticate_header(self, request: Request) -> str:
        return "Cookie"  # what makes DRF answer 401 and not 403


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
