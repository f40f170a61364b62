"""An update as docs/operations.md tells it, while people work: the release before serves, `manage.py upgrade` migrates
beneath it, the new release starts beside it, and the old one ends. No call fails and nothing is lost.

`pytest -s` prints the figures that docs/operations.md has; TEST_UPGRADE_PATIENTS=1000000 makes as many charts first.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from tests import databases
from tests.contract.clients import ServerTransport
from tests.contract.clinic import PASSWORD, Clinic, fresh_slot
from tests.guards.test_migration_locks import BEFORE_MARK
from tests.server import Server, own_database, own_redis
from tests.test_caddy import Proxy
from tests.upgrade import release

pytestmark = [
    pytest.mark.production,
    pytest.mark.postgresql,
    pytest.mark.slow,
    pytest.mark.exhaustive,
    pytest.mark.skipif(not release.is_known(), reason="the history of this clone lacks the release before"),
]
CALLERS = 4
BESIDE = 5  # seconds for which both releases serve the new schema
CHANGED: dict[str, str] = {}  # "table": "why a migration may change what its rows say, or remove some"
GONE: dict[str, str] = {}  # "table.column": "why it is no more"


@dataclass
class Update:
    """What was seen of it."""

    before: release.Content
    after: release.Content
    tables: set[str]
    migrated: list[tuple[str, str]]
    said: str
    new: Server
    answers: list[tuple[str, str, int, float, str]] = field(default_factory=list)  # phase, what, status, seconds, id


class Load:
    """Callers at the proxy: two book, one signs in, one reads."""

    def __init__(self, proxy: Proxy, clinic: Clinic, charts: list[str]) -> None:
        self.proxy, self.clinic, self.charts = proxy, clinic, charts
        self.phase, self.over, self.lock = "before", threading.Event(), threading.Lock()
        self.answers: list[tuple[str, str, int, float, str]] = []
        calls = (self.book, self.book, self.sign_in, self.read)
        assert len(calls) == CALLERS
        self.threads = [threading.Thread(target=self._go_on, args=(call, n)) for n, call in enumerate(calls)]

    def _go_on(self, call, number: int) -> None:
        client = httpx.Client(base_url=self.proxy.url, verify=self.proxy.context, timeout=120)
        while not self.over.is_set():
            phase, began = self.phase, time.monotonic()
            try:
                answer = call(client, number)
                status, made = answer.status_code, answer.json().get("id", "") if answer.status_code == 201 else ""
            except httpx.TransportError:
                status, made = 0, ""
            self.answers.append((phase, call.__name__, status, time.monotonic() - began, made))

    def _as_staff(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.clinic.staff.access}", "Origin": self.proxy.url}

    def book(self, client: httpx.Client, number: int) -> httpx.Response:
        with self.lock:
            slot = fresh_slot()
        body = {"patientId": self.charts[number], "doctorId": self.clinic.doctor.id, "date": slot, "reason": "Pain"}
        return client.post("/api/appointments", json=body, headers=self._as_staff())

    def sign_in(self, client: httpx.Client, number: int) -> httpx.Response:
        client.cookies.clear()
        body = {"email": self.clinic.staff.user["email"], "password": PASSWORD}
        return client.post("/api/auth/login", json=body, headers={"Origin": self.proxy.url})

    def read(self, client: httpx.Client, number: int) -> httpx.Response:
        return client.get(f"/api/patients/{self.charts[number]}", headers=self._as_staff())

    def wait_for_each(self, times: int) -> None:
        """Until in this phase each kind of call was answered so often, or a minute is over."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = Counter(what for phase, what, *_ in list(self.answers) if phase == self.phase)
            if len(done) == 3 and min(done.values()) >= times:
                return
            time.sleep(0.05)


@pytest.fixture(scope="module")
def update(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Update]:
    directory: Path = tmp_path_factory.mktemp("update")
    with own_database(directory) as url, ExitStack() as stack:
        old = Server(directory, url, own_redis(), {"TRUSTED_PROXIES": "127.0.0.1"}, name="old")
        old.code = release.unpack(directory / "code")
        release.make_database(url, old.code, old.environment)
        before = release.content(url)
        new = Server(directory, url, own_redis(), {"TRUSTED_PROXIES": "127.0.0.1"}, name="new")
        proxying = Proxy(directory, f"127.0.0.1:{old.port} 127.0.0.1:{new.port}").running()
        proxy = next(proxying)
        stack.callback(lambda: next(proxying, None))
        serving_old, serving_new = old.running(), new.running()
        serving_old.__enter__()
        try:
            clinic = Clinic(ServerTransport(old))
            charts = [clinic.chart(email=f"p{n}@example.com", name=f"Ada N{n}")["id"] for n in range(4)]
            load = Load(proxy, clinic, charts)
            for thread in load.threads:
                thread.start()
            stack.callback(load.over.set)
            load.wait_for_each(3)
            load.phase = "migrating"
            said = new.manage_as_owner("upgrade", "--no-backup", "--role", databases.ROLE)
            after = release.content(url, before)
            load.phase = "old code, new schema"
            load.wait_for_each(3)
            load.phase = "both"
            stack.enter_context(serving_new)
            time.sleep(BESIDE)
            load.phase = "switching"
        finally:
            serving_old.__exit__(None, None, None)
        load.phase = "new"
        load.wait_for_each(3)
        load.over.set()
        for thread in load.threads:
            thread.join()
        with psycopg.connect(url) as owner:
            migrated = owner.execute("SELECT app, name FROM django_migrations").fetchall()
        yield Update(before, after, set(release.content(url)), migrated, said, new, load.answers)


def test_nobody_notices(update):
    """No call fails while the schema changes and while both releases serve it. When the old server ends, the proxy may
    have just sent a call on a connection that this closes; it can't know whether it was done, and says 502."""
    good = {"book": 201, "sign_in": 200, "read": 200}
    for phase in dict.fromkeys(phase for phase, *_ in update.answers):
        took = sorted(seconds for one, _, _, seconds, _ in update.answers if one == phase)
        print(f"\n{phase}: {len(took)} calls, p50 {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s", end="")
    failed = [(phase, what, status) for phase, what, status, *_ in update.answers if status != good[what]]
    assert {(phase, status) for phase, _, status in failed} <= {("switching", 502)} and len(failed) <= 2 * CALLERS
    assert {phase for phase, *_ in update.answers} >= {"before", "migrating", "old code, new schema", "new"}
    acknowledged = {made for *_, made in update.answers if made}
    kept = {str(pk) for (pk,) in update.new.rows("SELECT id FROM appointments_appointment")}
    assert len(acknowledged) > 10 and acknowledged <= kept


def test_nothing_is_lost(update, subtests):
    filled = {name for name, (_, rows) in update.before.items() if rows}
    assert len(filled) > 60, sorted(update.before.keys() - filled)
    for name, (columns, rows) in update.before.items():
        with subtests.test(table=name):
            assert name in update.tables
            assert [f"{name}.{one}" for one in columns if one not in update.after[name][0]] == [
                one for one in GONE if one.startswith(f"{name}.")
            ]
            missing = rows - update.after[name][1]
            assert not missing or name in CHANGED, f"{missing.total()} of {rows.total()} rows differ"


def test_what_the_old_release_wrote_is_read_and_verified(update):
    assert "migrations:" in update.said and "Restart every server" in update.said
    update.new.manage_as_owner("audit_seal")
    update.new.manage_as_owner("audit_verify")
    update.new.manage_as_owner("check_encryption")
    update.new.manage_as_owner("migrate", "--check")


def test_release_before_is_the_one_of_the_guard(update, tmp_path):
    """Its last migrations are those that tests/guards/test_migration_locks.py lets pass; an app may be younger."""
    code = release.unpack(tmp_path / "code")
    last: dict[str, str] = {}
    for path in code.glob("**/migrations/[0-9]*.py"):
        app = path.parent.parent.name
        last[app] = max(last.get(app, ""), path.stem)
    assert {app: last[app] for app in BEFORE_MARK if app in last} == {
        app: name for app, name in BEFORE_MARK.items() if app in last
    }
    assert {app: name for app, name in update.migrated if app in last and name == last[app]} == last
