"""`/api/v1/…` as another spelling of `/api/…`."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

V1 = "/api/v1"


class ApiVersion:
    """Rewrites `request.path_info` to `/api/…`; `request.path` keeps what was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path == V1 or path.startswith(f"{V1}/"):
            request.path_info = "/api" + path.removeprefix(V1)
        return self.get_response(request)
