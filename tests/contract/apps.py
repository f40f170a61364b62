"""Mobile apps at either door (tests/contract/doors.py)."""

from typing import Any

from tests.contract.clinic import PASSWORD
from tests.contract.doors import Answer, Caller, Door


class App(Caller):
    """It keeps tokens, and no cookies."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self.tokens: dict[str, Any] = {}

    def _keep(self, line: str) -> None:
        raise AssertionError(f"A cookie for a mobile app: {line}")

    def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}
        return super().ask(method, path, headers={**bearer, **(headers or {})}, **more)

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        return self._kept(self.post("/auth/login", {"email": email, "password": password}))

    def renew(self, token: str = "") -> Answer:
        return self._kept(self.post("/auth/refresh", {"refresh_token": token or self.tokens["refresh_token"]}))

    def _kept(self, answer: Answer) -> Answer:
        if answer.status == 200:
            self.tokens = answer.json
        return answer


def app_of(caller: Caller) -> App:
    """Somebody's, who is signed in on their browser too."""
    app = App(caller.door)
    answer = app.log_in(caller.user["email"])
    assert answer.status == 200, answer
    return app
