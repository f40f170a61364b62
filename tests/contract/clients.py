"""Two transports to the same API: Django's test client in this process, and HTTP to a started server (tests/wire).

A `Caller` is one browser: it stores cookies, sends each only to the paths it allows, and drops expired ones.
"""

import json as jsonlib
import re
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any, Protocol

import httpx
from django.test import Client, TestCase

UNSET: Any = object()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)

    @property
    def set_cookies(self) -> list[str]:
        """The raw Set-Cookie headers."""
        return self.headers.get_list("set-cookie")

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Transport(Protocol):
    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer: ...

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]: ...


class InProcessTransport:
    """Django's test client. on_commit callbacks run after each request, as outside a test."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer:
        headers = dict(headers)
        kind = headers.pop("Content-Type", "")
        with TestCase.captureOnCommitCallbacks(execute=True):
            response = self._client.generic(method, path, content, content_type=kind, headers=headers)
        self._client.cookies.clear()  # each caller stores its own
        pairs = [(name, str(value)) for name, value in response.items()]
        pairs += [("Set-Cookie", cookie.output(header="").strip()) for cookie in response.cookies.values()]
        body = b"" if method == HTTPMethod.HEAD else response.getvalue()
        return Answer(response.status_code, httpx.Headers(pairs), body)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        from django.db import connection

        from tests.plain_role import as_owner

        with as_owner(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())


class ServerTransport:
    """HTTP to a started server."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self._http = httpx.Client(base_url=server.url, timeout=300)

    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        response = self._http.request(method, path, headers=raw, content=content)
        self._http.cookies.clear()  # each caller stores its own
        return Answer(response.status_code, response.headers, response.content)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.server.rows(sql, *parameters)


class Caller:
    """One browser. `user` is the user in the sign-in response."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.cookies: dict[str, tuple[str, str]] = {}  # name: (value, path)
        self.user: dict[str, Any] = {}

    @property
    def id(self) -> str:
        return self.user["id"]

    @property
    def access(self) -> str:
        return self.cookies["access_token"][0]

    @property
    def refresh(self) -> str:
        return self.cookies["refresh_token"][0]

    def with_cookies(self, **cookies: str) -> "Caller":
        """Return another browser with just these cookies, sent to every path."""
        other = Caller(self.transport)
        other.cookies = {name: (value, "/") for name, value in cookies.items()}
        return other

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = UNSET,
        content: bytes | str = b"",
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        if query:
            path += "?" + str(httpx.QueryParams(query))
        all_headers = {"Accept": "application/json", **(headers or {})}
        if json is not UNSET:
            content = jsonlib.dumps(json)
            all_headers.setdefault("Content-Type", "application/json")
        cookies = [f"{n}={v}" for n, (v, cookie_path) in self.cookies.items() if path.startswith(cookie_path)]
        if cookies:
            all_headers.setdefault("Cookie", "; ".join(cookies))
        body = content.encode() if isinstance(content, str) else content
        answer = self.transport.send(method, path, headers=all_headers, content=body)
        for line in answer.set_cookies:
            self._store_cookie(line)
        return answer

    def _store_cookie(self, line: str) -> None:
        name, value, attributes = parse_cookie(line)
        if attributes.get("Max-Age") == "0":
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = (value, attributes.get("Path", "/"))

    def get(self, path: str, **query: Any) -> Answer:
        return self.request("GET", path, **query)

    def post(self, path: str, json: Any = UNSET, **more: Any) -> Answer:
        return self.request("POST", path, json=json, **more)

    def patch(self, path: str, json: Any = UNSET, **more: Any) -> Answer:
        return self.request("PATCH", path, json=json, **more)

    def sign_in(self, email: str, password: str) -> Answer:
        answer = self.post("/api/auth/login", {"email": email, "password": password})
        if answer.status == 200:
            self.user = answer.json["user"]
        return answer


def parse_cookie(line: str) -> tuple[str, str, dict[str, str | None]]:
    """Split a Set-Cookie header into name, value and attributes; an attribute without a value is None."""
    pair, *rest = re.split(r";\s*", line)
    name, _, value = pair.partition("=")
    attributes: dict[str, str | None] = {}
    for attribute in rest:
        key, equals, text = attribute.partition("=")
        attributes[key] = text if equals else None
    return name, value, attributes
