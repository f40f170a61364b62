"""An update as docs/operations.md tells it, while people work: the release before serves, `manage.py upgrade` migrates
beneath it, the new release starts beside it, and the old one ends. No call fails and nothing is lost.

`pytest -s` prints the figures that docs/operations.md has; TEST_UPGRADE_PATIENTS=1000000 makes as many charts first.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.contract.clients import ServerTransport
from tests.contract.clinic import Clinic
from tests.guards.test_migration_locks import BEFORE_MARK
from tests.load import Load, Work
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
    load: Load
    old_closes_its_port: bool


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
            work = Work(clinic, proxy.url, callers=CALLERS)
            load = Load([work.book, work.book, work.sign_in, work.read], proxy.url, proxy.context, pause=0)
            load.start()
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
        load.stop()
        with psycopg.connect(url) as owner:
            migrated = owner.execute("SELECT app, name FROM django_migrations").fetchall()
        closes = "_close_port" in (old.code / "config" / "gunicorn.py").read_text()
        yield Update(before, after, set(release.content(url)), migrated, said, new, load, closes)


def test_nobody_notices(update):
    """No call fails while the schema changes, while both releases serve it, and when the old server ends. One that does
    not close its port first (`_close_port` of config/gunicorn.py) drops whom the proxy has just sent to it."""
    update.load.print_figures()
    failed = [one for one in update.load.failed if update.old_closes_its_port or one.phase != "switching"]
    assert not failed
    assert len(update.load.failed) <= 2 * CALLERS and {one.status for one in update.load.failed} <= {502}
    assert {one.phase for one in update.load.answers} >= {"before", "migrating", "old code, new schema", "new"}
    acknowledged = set(update.load.acknowledged)
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
