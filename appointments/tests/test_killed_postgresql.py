"""PostgreSQL is killed while the worker plans and sends reminders: none is lost, and none is sent twice."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from tests import databases
from tests.server import ROOT, Server
from tests.services import Unavailable, killable_postgresql

pytestmark = [pytest.mark.production, pytest.mark.slow, pytest.mark.exhaustive]  # a server is made, killed and started
KILLS = int(os.environ.get("TEST_KILLS", "4"))
SCRIPT = "appointments/tests/killed_postgresql.py"
SEED = 1


def test_killed_postgresql_loses_no_message_and_sends_none_twice(tmp_path):
    try:
        with killable_postgresql() as cluster:
            server = Server(tmp_path, f"{cluster.server}/praxis", "")
            changes = {"DATABASE_URL": server.database_url, "EMAIL_URL": "consolemail://", "SMS_URL": "console://"}
            changes["DJANGO_SETTINGS_MODULE"] = "config.settings"  # those of tests don't wait for what they commit
            environment = {**server.environment, **changes, "PYTHONPATH": str(ROOT)}
            with cluster.running(), psycopg.connect(f"{cluster.server}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE praxis")
                databases.manage(environment, "migrate")
            where = [str(cluster.binary), str(cluster.directory), json.dumps(cluster.as_user), str(cluster.port)]
            command = [sys.executable, SCRIPT, str(tmp_path), str(KILLS), str(SEED), *where]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800)
    except Unavailable as reason:
        pytest.skip(str(reason))

    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["visits"] == seen["asked for"], seen
    assert seen["messages"] == 2 * seen["visits"], "an email and a text message each"
    assert set(seen["states"]) <= {"sent", "uncertain"}, seen
    assert seen["states"]["sent"] > seen["messages"] / 2, seen
    for fault in ("twice", "said to be sent and was not", "sent and said to be something else"):
        assert seen[fault] == [], (fault, seen)
