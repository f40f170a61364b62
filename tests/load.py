"""People at work while something happens to the servers: callers who go on until they are told to stop, and what they
were answered."""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from tests.contract.clinic import PASSWORD, Clinic, fresh_slot

Call = Callable[[httpx.Client, int], httpx.Response]  # with the caller's own connections, and its number
GOOD = {"book": 201, "sign_in": 200, "read": 200}
PAUSE = 0.2  # seconds of a caller between two calls: without it they would take both cores all the time


class Answer(NamedTuple):
    phase: str
    what: str
    status: int  # 0 where the connection broke
    began: float
    seconds: float
    made: str  # the id of what was made


class Load:
    """A thread for each of the calls. `phase` is what happens meanwhile, and stands in each answer to a call that began
    in it."""

    def __init__(
        self, calls: Sequence[Call], url: str, verify: ssl.SSLContext | bool = True, *, pause: float = PAUSE
    ) -> None:
        self.calls, self.url, self.verify, self.pause = calls, url, verify, pause
        self.phase, self.over = "before", threading.Event()
        self.answers: list[Answer] = []
        self.threads = [threading.Thread(target=self._go_on, args=(call, n)) for n, call in enumerate(calls)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _go_on(self, call: Call, number: int) -> None:
        client = httpx.Client(base_url=self.url, verify=self.verify, timeout=120)
        while not self.over.is_set():
            phase, began = self.phase, time.monotonic()
            try:
                answer = call(client, number)
                status, made = answer.status_code, answer.json().get("id", "") if answer.status_code == 201 else ""
            except httpx.TransportError:
                status, made = 0, ""
            self.answers.append(Answer(phase, call.__name__, status, began, time.monotonic() - began, made))
            self.over.wait(self.pause)

    def of(self, what: str, phase: str) -> list[Answer]:
        return [one for one in list(self.answers) if (one.what, one.phase) == (what, phase)]

    def statuses(self, what: str, phase: str) -> Counter[int]:
        return Counter(one.status for one in self.of(what, phase))

    def wait_for_each(self, times: int, *, seconds: float = 60) -> bool:
        """Wait until in this phase each kind of call was answered so often as on any day, and return whether it was."""
        deadline, kinds = time.monotonic() + seconds, {call.__name__ for call in self.calls}
        while time.monotonic() < deadline:
            if all(self.statuses(kind, self.phase)[GOOD[kind]] >= times for kind in kinds):
                return True
            time.sleep(0.05)
        return False

    @property
    def failed(self) -> list[Answer]:
        return [one for one in self.answers if one.status != GOOD[one.what]]

    @property
    def acknowledged(self) -> list[str]:
        """The ids of what was made."""
        return [one.made for one in self.answers if one.made]

    def print_figures(self) -> None:
        for phase in dict.fromkeys(one.phase for one in self.answers):
            took = sorted(one.seconds for one in self.answers if one.phase == phase)
            said = {what: dict(self.statuses(what, phase)) for what in sorted({call.__name__ for call in self.calls})}
            middle, longest = took[len(took) // 2], took[-1]
            print(f"\n{phase}: {len(took)} calls {said}, p50 {middle:.2f} s, longest {longest:.2f} s", end="")


class Work:
    """What people of a clinic do, each of them with a chart of their own."""

    def __init__(self, clinic: Clinic, origin: str, callers: int) -> None:
        self.clinic, self.origin, self.lock = clinic, origin, threading.Lock()
        words = ("One", "Two", "Three", "Four", "Five", "Six")[:callers]
        self.charts = [clinic.chart(email=f"{word}@example.com", name=f"Ada {word}")["id"] for word in words]

    @property
    def _as_staff(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.clinic.staff.access}", "Origin": self.origin}

    def book(self, client: httpx.Client, number: int) -> httpx.Response:
        with self.lock:
            slot = fresh_slot()
        body = {"patientId": self.charts[number], "doctorId": self.clinic.doctor.id, "date": slot, "reason": "Pain"}
        return client.post("/api/appointments", json=body, headers=self._as_staff)

    def sign_in(self, client: httpx.Client, number: int) -> httpx.Response:
        client.cookies.clear()
        body = {"email": self.clinic.staff.user["email"], "password": PASSWORD}
        return client.post("/api/auth/login", json=body, headers={"Origin": self.origin})

    def read(self, client: httpx.Client, number: int) -> httpx.Response:
        return client.get(f"/api/patients/{self.charts[number]}", headers=self._as_staff)
