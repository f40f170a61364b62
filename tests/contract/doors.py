"""Two doors to the same API: Django's test client inside this process, and HTTP to a started server.

A test written against a door runs through both. A `Caller` is one browser: it keeps the cookies it is given, sends
each only where its path allows, and forgets those whose life is over.
"""

import json as jsonlib
import re
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any, Protocol

import httpx
from django.test import Client

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
        """The Set-Cookie headers as they stood on the wire."""
        return self.headers.get_list("set-cookie")

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Door(Protocol):
    name: str

    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer: ...

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]: ...


class ClientDoor:
    """Django's test client. What waits for a commit runs after each request, as it does outside a test."""

    name = "client"

    def __init__(self, run_on_commit: Any) -> None:
        self._client = Client(raise_request_exception=False)
        self._run_on_commit = run_on_commit

    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer:
        headers = dict(headers)
        kind = headers.pop("Content-Type", "")
        with self._run_on_commit(execute=True):
            response = self._client.generic(method, path, content, content_type=kind, headers=headers)
        self._client.cookies.clear()  # the callers keep their own
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


class ServerDoor:
    """HTTP to a started server."""

    name = "server"

    def __init__(self, server: Any) -> None:
        self.server = server
        self._http = httpx.Client(base_url=server.url, timeout=30)

    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        response = self._http.request(method, path, headers=raw, content=content)
        self._http.cookies.clear()  # the callers keep their own
        return Answer(response.status_code, response.headers, response.content)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.server.rows(sql, *parameters)


class Caller:
    """One browser. `user` is what the sign-in answered."""

    def __init__(self, door: Door) -> None:
        self.door = door
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

    def holding(self, **cookies: str) -> "Caller":
        """Another browser that holds just these cookies, sent everywhere."""
        other = Caller(self.door)
        other.cookies = {name: (value, "/") for name, value in cookies.items()}
        return other

    def ask(
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
        sent = {"Accept": "application/json", **(headers or {})}
        if json is not UNSET:
            content = jsonlib.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        cookies = [f"{n}={v}" for n, (v, where) in self.cookies.items() if path.startswith(where)]
        if cookies:
            sent.setdefault("Cookie", "; ".join(cookies))
        body = content.encode() if isinstance(content, str) else content
        answer = self.door.send(method, path, headers=sent, content=body)
        for line in answer.set_cookies:
            self._keep(line)
        return answer

    def _keep(self, line: str) -> None:
        name, value, attributes = parse_cookie(line)
        if attributes.get("Max-Age") == "0":
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = (value, attributes.get("Path", "/"))

    def get(self, path: str, **query: Any) -> Answer:
        return self.ask("GET", path, **query)

    def post(self, path: str, json: Any = UNSET, **more: Any) -> Answer:
        return self.ask("POST", path, json=json, **more)

    def patch(self, path: str, json: Any = UNSET, **more: Any) -> Answer:
        return self.ask("PATCH", path, json=json, **more)

    def sign_in(self, email: str, password: str) -> Answer:
        answer = self.post("/api/auth/login", {"email": email, "password": password})
        if answer.status == 200:
            self.user = answer.json["user"]
        return answer


def parse_cookie(line: str) -> tuple[str, str, dict[str, str | None]]:
    """A Set-Cookie header: name, value, and its attributes as written; one without a value has None."""
    pair, *rest = re.split(r";\s*", line)
    name, _, value = pair.partition("=")
    attributes: dict[str, str | None] = {}
    for attribute in rest:
        key, equals, given = attribute.partition("=")
        attributes[key] = given if equals else None
    return name, value, attributes
