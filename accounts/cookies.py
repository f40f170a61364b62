"""The two cookies, with exactly the attributes that the contract gives (Django's set_cookie would add Expires)."""

from http.cookies import Morsel
from typing import Any

from django.http import HttpResponse

from accounts.models import Session
from accounts.tokens import Kind, access_life, issue, refresh_life

ACCESS_COOKIE, REFRESH_COOKIE = "access_token", "refresh_token"
PATHS = {ACCESS_COOKIE: "/", REFRESH_COOKIE: "/api/auth/refresh"}


def _set(response: HttpResponse, name: str, value: str, max_age: int) -> None:
    cookie: Morsel[Any] = Morsel()
    cookie.set(name, value, value)
    attributes: dict[str, Any] = {"httponly": True, "secure": True, "samesite": "Strict", "path": PATHS[name]}
    cookie.update({**attributes, "max-age": max_age})
    dict.__setitem__(response.cookies, name, cookie)  # SimpleCookie's own would quote the empty value


def set_access(response: HttpResponse, session: Session) -> None:
    _set(response, ACCESS_COOKIE, issue(session, Kind.ACCESS), int(access_life().total_seconds()))


def set_refresh(response: HttpResponse, session: Session) -> None:
    _set(response, REFRESH_COOKIE, issue(session, Kind.REFRESH), int(refresh_life().total_seconds()))


def clear(response: HttpResponse) -> None:
    for name in PATHS:
        _set(response, name, "", 0)
