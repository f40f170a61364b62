"""Adds the last request, by Django's client or over HTTP, and its status to the report of a failing test."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.test import Client

_last: list[str] = []  # of the test that runs


def _note(method: str, path: str, status: int, request_id: str | None) -> None:
    _last[:] = [f"{method} {path} -> {status}, request {request_id or 'without an id'}"]


def _noting_clients(stock: Callable[..., Any]) -> Callable[..., Any]:
    def request(self: Client, **environ: Any) -> Any:
        path = "?".join(filter(None, [environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")]))
        _last[:] = [f"{environ.get('REQUEST_METHOD')} {path} -> no answer"]
        answer = stock(self, **environ)
        _note(environ.get("REQUEST_METHOD", ""), path, answer.status_code, answer.headers.get("X-Request-ID"))
        return answer

    return request


def _noting_http(stock: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    def send(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        path = request.url.raw_path.decode()
        _last[:] = [f"{request.method} {path} -> no answer"]
        answer = stock(self, request, **options)
        _note(request.method, path, answer.status_code, answer.headers.get("X-Request-ID"))
        return answer

    return send


Client.request = _noting_clients(Client.request)  # type: ignore[method-assign]
httpx.Client.send = _noting_http(httpx.Client.send)  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "setup" and not report.failed:
        return report
    if report.failed and _last:
        report.sections.append(("last request", _last[0]))
    if call.when == "teardown":
        _last.clear()
    return report
