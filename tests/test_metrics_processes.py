"""Several processes of one server add up, whichever of them is asked for /metrics."""

import os
import re
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.server import Server, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]
COUNTED = re.compile(r'praxis_requests_total\{method="GET",route="/api/health/live",status="200"\} (\S+)')


def test_processes_add_up_and_what_one_counted_outlives_it(tmp_path):
    with own_database(tmp_path) as database:
        server = Server(tmp_path, database, own_redis(), changes={"WEB_CONCURRENCY": "2", "TMPDIR": str(tmp_path)})
        server.prepare()
        with server.running():
            before = counted(server)
            for _ in range(40):
                assert httpx.get(f"{server.url}/api/health/live").status_code == 200
            seen = {counted(server) - before for _ in range(8)}
            (folder,) = tmp_path.glob("praxis-metrics-*")
            processes = {int(re.search(r"(\d+)\.db", file.name)[1]) for file in folder.glob("counter_*.db")}
            os.kill(min(processes), signal.SIGTERM)
            wait_for_another(folder, processes)
            assert counted(server) - before == 40
        assert seen == {40}, "each process told only what it had counted itself"
        assert len(processes) == 2
        assert not list(Path(tmp_path).glob("praxis-metrics-*")), "left behind"


def counted(server):
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.status_code == 200
    found = COUNTED.search(answer.text)
    return float(found[1]) if found else 0.0


def wait_for_another(folder, processes):
    """Ask until the process that takes the place of the one that ended has counted."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = {int(re.search(r"(\d+)\.db", file.name)[1]) for file in folder.glob("counter_*.db")}
        if now - processes:
            return
        time.sleep(0.2)
    raise AssertionError("no process took its place")
