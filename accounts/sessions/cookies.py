"""The two cookies, with exactly the attributes in the contract (Django's set_cookie would add Expires)."""

from http.cookies import Morsel
from typing import Any

from django.http import HttpResponse

from accounts.models import LoginSession
from accounts.sessions.tokens import TokenType, access_life, issue, refresh_life
from core.middleware.api_version import V1

ACCESS_COOKIE, REFRESH_COOKIE = "access_token", "refresh_token"


def _set(response: HttpResponse, name: str, value: str, max_age: int, *, path: str = "/") -> None:
    cookie: Morsel[Any] = Morsel()
    cookie.set(name, value, value)
    attributes: dict[str, Any] = {"httponly": True, "secure": True, "samesite": "Strict", "path": path}
    cookie.update({**attributes, "max-age": max_age})
    dict.__setitem__(response.cookies, name, cookie)  # SimpleCookie's own would quote the empty value


def set_access(response: HttpResponse, session: LoginSession) -> None:
    _set(response, ACCESS_COOKIE, issue(session, TokenType.ACCESS), int(access_life().total_seconds()))


def set_refresh(response: HttpResponse, session: LoginSession, *, path: str) -> None:
    """Limit the cookie to the refresh endpoint under the same API base as `path`, that of the sign-in."""
    life = int(refresh_life().total_seconds())
    _set(response, REFRESH_COOKIE, issue(session, TokenType.REFRESH), life, path=_refresh_path(path))


def clear(response: HttpResponse, *, path: str) -> None:
    _set(response, ACCESS_COOKIE, "", 0)
    _set(response, REFRESH_COOKIE, "", 0, path=_refresh_path(path))


def clear_all(response: HttpResponse) -> None:
    """Clear the cookies of both spellings of the API's address; a browser has one of a name for each path."""
    for path in ("/api", V1):
        clear(response, path=path)
        dict.__setitem__(response.cookies, f"{REFRESH_COOKIE} {path}", response.cookies.pop(REFRESH_COOKIE))


def _refresh_path(path: str) -> str:
    return f"{V1 if path.startswith(V1) else '/api'}/auth/refresh"
