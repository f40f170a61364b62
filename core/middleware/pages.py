"""Middleware for server-rendered pages only. The API has its own sessions and checks: an admin session never signs
anyone in there, and its requests pass by what they do not use."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from core.client import is_api


class PageMiddleware:
    """The middleware of settings.PAGE_MIDDLEWARE, outermost first, for everything but the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._inwards: list[Any] = []
        handler: Any = get_response
        for name in reversed(settings.PAGE_MIDDLEWARE):
            middleware = import_string(name)(handler)
            self._inwards.insert(0, middleware)
            handler = convert_exception_to_response(middleware)
        self._pages = handler

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_api(request):
            return self._pages(request)
        response = self.get_response(request)
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    # What Django calls of the middleware itself, for those of pages in the order in which it would call them.

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Any:
        for process in self._hooks(request, "process_view", self._inwards):
            if response := process(request, view, args, kwargs):
                return response
        return None

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        for process in self._hooks(request, "process_template_response", self._inwards[::-1]):
            response = process(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> Any:
        for process in self._hooks(request, "process_exception", self._inwards[::-1]):
            if response := process(request, exception):
                return response
        return None

    def _hooks(self, request: HttpRequest, name: str, middleware: list[Any]) -> list[Any]:
        return [] if is_api(request) else [getattr(one, name) for one in middleware if hasattr(one, name)]
