"""The network between Praxis and its databases is cut and mended, under load: calls wait or are refused, none hangs,
what was acknowledged is there, and no message goes out twice.

`pytest -s` prints the figures that docs/scaling.md has.
"""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from django.conf import settings

from tests.cable import Cable
from tests.contract.clients import ServerTransport
from tests.contract.clinic import PASSWORD, Clinic, fresh_slot
from tests.pgbouncer import through
from tests.server import ROOT, Server, own_database, own_redis
from tests.test_two_nodes import PAUSE, Mailbox, kill, send_at_any_hour, wait_until

pytestmark = [pytest.mark.production, pytest.mark.postgresql, pytest.mark.redis, pytest.mark.slow]
CUT = 3  # seconds


class Site:
    """A web server and a worker behind cables, and callers who book and sign in."""

    def __init__(self, directory: Path, database_url: str, stack: ExitStack) -> None:
        self.mailbox = Mailbox()
        stack.callback(self.mailbox.shutdown)
        threading.Thread(target=self.mailbox.serve_forever, daemon=True).start()
        self.postgresql = stack.enter_context(Cable(database_url, 5432).laid())
        self.redis = stack.enter_context(Cable(own_redis(), 6379).laid())
        changes = {"EMAIL_URL": f"smtp://127.0.0.1:{self.mailbox.server_address[1]}", "REDIS_URL": self.redis.url}
        self.server = Server(directory, database_url, own_redis(), changes)
        port = self.postgresql.server_address[1]
        self.server.environment["DATABASE_URL"] = through(self.server.environment["DATABASE_URL"], port)
        self.server.prepare()
        log = stack.enter_context((directory / "worker.log").open("wb"))
        command = [sys.executable, "manage.py", "worker", "--lease", "3", "--verbosity", "0"]
        self.worker = subprocess.Popen(
            command, cwd=ROOT, env=self.server.environment, stdout=log, stderr=log, start_new_session=True
        )
        stack.callback(kill, self.worker)
        stack.enter_context(self.server.running())
        self.clinic = Clinic(ServerTransport(self.server))
        self.charts = [self.clinic.chart(email=f"p{n}@example.com", name=f"Ada N{n}")["id"] for n in range(2)]
        send_at_any_hour(SimpleNamespace(nodes=[None, self.server]), self.clinic)
        self.answers: list[tuple[str, str, int, float, str]] = []  # phase, what, status, seconds, id
        self.phase, self.over, self.lock = "before", threading.Event(), threading.Lock()
        calls = (self.book, self.book, self.sign_in)
        self.threads = [threading.Thread(target=self._go_on, args=(call, n)) for n, call in enumerate(calls)]

    def _go_on(self, call, number: int) -> None:
        client = httpx.Client(base_url=self.server.url, timeout=120)
        while not self.over.is_set():
            phase, began = self.phase, time.monotonic()
            try:
                answer = call(client, number)
                status, made = answer.status_code, answer.json().get("id", "") if answer.status_code == 201 else ""
            except httpx.TransportError:
                status, made = 0, ""
            self.answers.append((phase, call.__name__, status, time.monotonic() - began, made))
            self.over.wait(PAUSE)

    def book(self, client: httpx.Client, number: int) -> httpx.Response:
        with self.lock:
            slot = fresh_slot()
        body = {"patientId": self.charts[number], "doctorId": self.clinic.doctor.id, "date": slot, "reason": "Pain"}
        token = {"Authorization": f"Bearer {self.clinic.staff.access}"}
        return client.post("/api/appointments", json=body, headers=token)

    def sign_in(self, client: httpx.Client, number: int) -> httpx.Response:
        client.cookies.clear()
        return client.post("/api/auth/login", json={"email": self.clinic.staff.user["email"], "password": PASSWORD})

    def during(self, phase: str, what=nullcontext, *, answered: bool = True) -> None:
        """Until calls that began in it were answered, unless none can be, and then until they are again as before."""
        self.phase = phase
        with what():
            time.sleep(CUT)
            wait_until(lambda: not answered or all(self.statuses(phase, one) for one in ("book", "sign_in")))
        self.phase = f"after {phase}"
        wait_until(lambda: self.done("book") >= 2 and self.done("sign_in") >= 2)

    def done(self, what: str) -> int:
        good = {"book": 201, "sign_in": 200}[what]
        return self.statuses(self.phase, what)[good]

    def statuses(self, phase: str, what: str) -> Counter[int]:
        return Counter(status for one, name, status, *_ in list(self.answers) if (one, name) == (phase, what))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("cut")
    with own_database(directory) as database_url, ExitStack() as stack:
        site = Site(directory, database_url, stack)
        stack.callback(site.over.set)
        for thread in site.threads:
            thread.start()
        site.during("nothing")
        site.during("PostgreSQL silent", site.postgresql.silent, answered=False)
        site.during("PostgreSQL cut", site.postgresql.cut)
        site.during("Redis silent", site.redis.silent)
        site.during("Redis cut", site.redis.cut)
        site.over.set()
        for thread in site.threads:
            thread.join()
        yield site


def test_calls_wait_or_are_refused_and_go_on_afterwards(site):
    for phase in dict.fromkeys(phase for phase, *_ in site.answers):
        took = sorted(seconds for one, _, _, seconds, _ in site.answers if one == phase)
        said = {what: dict(site.statuses(phase, what)) for what in ("book", "sign_in")}
        print(f"\n{phase}: {said}, p50 {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s", end="")
    assert {status for _, _, status, *_ in site.answers} <= {200, 201, 503}
    assert site.statuses("nothing", "book").keys() == {201}
    assert 503 in site.statuses("PostgreSQL cut", "book")
    for phase in ("Redis silent", "Redis cut"):
        assert 503 in site.statuses(phase, "sign_in"), phase
        assert set(site.statuses(phase, "book")) == {201}, "who is signed in works on"
    assert site.done("book") and site.done("sign_in")
    assert httpx.get(f"{site.server.url}/api/health/ready", timeout=60).status_code == 200


def test_what_was_acknowledged_is_there_once(site):
    acknowledged = [made for *_, made in site.answers if made]
    kept = [(str(pk), at) for pk, at in site.server.rows("SELECT id, starts_at FROM appointments_appointment")]
    assert len(acknowledged) > 10 and set(acknowledged) <= {pk for pk, _ in kept}
    assert len({at for _, at in kept}) == len(kept)


def test_worker_goes_on_and_sends_nothing_twice(site):
    with psycopg.connect(site.server.database_url) as owner:
        owner.execute("UPDATE notifications_message SET due_at = now() WHERE kind = 'booked'")
    wait_until(lambda: sum(site.mailbox.texts.values()) >= 2)
    with site.postgresql.cut():
        time.sleep(1)
    left = "SELECT count(*) FROM notifications_message WHERE kind = 'booked' AND status = 'planned'"
    wait_until(lambda: site.server.rows(left) == [(0,)])

    query = "SELECT status, count(*) FROM notifications_message WHERE kind = 'booked' GROUP BY status"
    states = dict(site.server.rows(query))
    print(f"\nmessages {states}, taken by the mail server {sum(site.mailbox.texts.values())}", end="")
    assert site.worker.poll() is None
    assert set(site.mailbox.texts.values()) == {1}
    assert set(states) <= {"sent", "sending", "uncertain"} and states["sent"] <= len(site.mailbox.texts)


def test_a_peer_that_is_gone_without_a_word_is_noticed_by_both_sides(db):
    """What no forwarder can show, since its kernel acknowledges: libpq and PostgreSQL give up after twenty seconds."""
    from django.db import connection

    options = settings.DATABASES["default"]["OPTIONS"]
    assert options["tcp_user_timeout"] == 20_000
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 25
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_user_timeout')")
        assert cursor.fetchone() == ("10", "20000")
