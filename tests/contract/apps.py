"""Mobile apps as API clients."""

from typing import Any

from tests.contract.clients import Answer, Caller, Transport
from tests.contract.clinic import PASSWORD


class App(Caller):
    """A mobile app: stores tokens and no cookies."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.tokens: dict[str, Any] = {}

    def _store_cookie(self, line: str) -> None:
        raise AssertionError(f"A mobile app received a cookie: {line}")

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        return super().request(method, path, headers={**bearer, **(headers or {})}, **more)

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        return self._store_tokens(self.post("/auth/login", {"email": email, "password": password}))

    def renew(self, token: str = "") -> Answer:
        return self._store_tokens(self.post("/auth/refresh", {"refresh_token": token or self.tokens["refresh_token"]}))

    def _store_tokens(self, answer: Answer) -> Answer:
        if answer.status == 200:
            self.tokens = answer.json
        return answer


def app_of(caller: Caller) -> App:
    """Return a mobile app signed in as the same user as this browser."""
    app = App(caller.transport)
    answer = app.log_in(caller.user["email"])
    assert answer.status == 200, answer
    return app
