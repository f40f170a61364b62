"""The network between Praxis and its databases is cut and mended, under load: calls wait or are refused, none hangs,
what was acknowledged is there, and no message goes out twice.

`pytest -s` prints the figures that docs/scaling.md has.
"""

import subprocess
import sys
import threading
import time
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
from tests.contract.clinic import Clinic
from tests.load import Load, Work
from tests.pgbouncer import through
from tests.server import ROOT, Server, own_database, own_redis
from tests.test_two_nodes import Mailbox, kill, send_at_any_hour, wait_until

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
        send_at_any_hour(SimpleNamespace(nodes=[None, self.server]), self.clinic)
        work = Work(self.clinic, self.server.url, callers=2)
        self.load = Load([work.book, work.book, work.sign_in], self.server.url)

    def during(self, phase: str, what=nullcontext, *, answered: bool = True) -> None:
        """Until calls that began in it were answered, unless none can be, and then until they are again as before."""
        load = self.load
        load.phase = phase
        with what():
            time.sleep(CUT)
            wait_until(lambda: not answered or all(load.of(one, phase) for one in ("book", "sign_in")))
        load.phase = f"after {phase}"
        assert load.wait_for_each(2, seconds=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("cut")
    with own_database(directory) as database_url, ExitStack() as stack:
        site = Site(directory, database_url, stack)
        stack.callback(site.load.over.set)
        site.load.start()
        site.during("nothing")
        site.during("PostgreSQL silent", site.postgresql.silent, answered=False)
        site.during("PostgreSQL cut", site.postgresql.cut)
        site.during("Redis silent", site.redis.silent)
        site.during("Redis cut", site.redis.cut)
        site.load.stop()
        yield site


def test_calls_wait_or_are_refused_and_go_on_afterwards(site):
    load = site.load
    load.print_figures()
    assert {one.status for one in load.answers} <= {200, 201, 503}
    assert load.statuses("book", "nothing").keys() == {201}
    assert 503 in load.statuses("book", "PostgreSQL cut")
    for phase in ("Redis silent", "Redis cut"):
        assert 503 in load.statuses("sign_in", phase), phase
        assert set(load.statuses("book", phase)) == {201}, "who is signed in works on"
    assert load.statuses("book", load.phase)[201] and load.statuses("sign_in", load.phase)[200]
    assert httpx.get(f"{site.server.url}/api/health/ready", timeout=60).status_code == 200


def test_what_was_acknowledged_is_there_once(site):
    acknowledged = site.load.acknowledged
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
