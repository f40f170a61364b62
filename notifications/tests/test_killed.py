"""Workers are killed (kill -9) at chosen points and at any moment: no job is lost, and what must happen at most once
does."""

import json
import subprocess
import sys

import pytest

from tests.sampling import examples
from tests.server import ROOT, Server, own_database

pytestmark = [pytest.mark.production, pytest.mark.slow]  # processes are started and killed
SCRIPT = "notifications/tests/killed_workers.py"
SEED = 1


def test_killed_workers_lose_no_job_and_send_nothing_twice(tmp_path):
    with own_database(tmp_path) as url:
        server = Server(tmp_path, url, "")
        server.prepare()
        environment = {**server.environment, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, SCRIPT, str(tmp_path), str(examples(200, 3)), str(SEED)]

        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)

    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    jobs, states = seen["jobs"], seen["states"]
    assert states["killed.plain done"] == states["killed.atomic done"] == jobs
    assert states["killed.send done"] + states.get("killed.send uncertain", 0) == jobs
    assert sum(states.values()) == 4 * jobs, "each atomic job asked for one more, once"
    assert seen["plain"] == jobs
    assert seen["effects"] == [jobs, jobs]
    for fault in ("sent twice", "done and not sent", "sent and neither", "uncertain and not told"):
        assert seen[fault] == [], fault
    assert seen["uncertain"] >= 1, "one is killed right after the point of no return"
