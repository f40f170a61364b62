"""Middleware of the server-rendered pages alone. The API has sessions, doors and limits of its own: an admin session
never signs anybody in there, and its requests do not pay for what they do not use."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from core.client import is_api


class PagesOnly:
    get_response: Callable[[HttpRequest], Any]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]


class PageSession(PagesOnly, SessionMiddleware):
    pass


class PageCsrf(PagesOnly, CsrfViewMiddleware):
    pass


class PageUser(PagesOnly, AuthenticationMiddleware):
    pass


class PageMessages(PagesOnly, MessageMiddleware):
    pass
