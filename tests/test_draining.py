"""A server that ends answers what it was sent: behind the proxies as they are written, callers who never pause and
callers whose connections rest for a moment lose no call while one server after the other ends and comes back."""

import http.client
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from tests import test_caddy, test_proxy
from tests.load import Load
from tests.server import ROOT, free_port
from tests.test_two_nodes import wait_until

pytestmark = [pytest.mark.production, pytest.mark.slow]
ENDS = 1  # of each node
BUSY, RESTING = 3, 12  # callers
SHORT, LONG = 0.02, 2.5  # seconds of rest: connections rest for less and for more than either side keeps them


class Node:
    """A gunicorn as production has it, but for what it serves."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PORT": str(self.port)}
        self.log = directory / f"{self.port}.log"

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "tests.answering:application"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Callers:
    """What they call for, and which processes answered."""

    def __init__(self) -> None:
        self.answered: set[str] = set()

    def hurry(self, client: httpx.Client, number: int, rest: float = SHORT) -> httpx.Response:
        time.sleep(random.uniform(0, rest))
        answer = client.post("/api/payments", content=b"{}")
        if answer.status_code == 200:
            self.answered.add(answer.text)
        return answer

    def rest(self, client: httpx.Client, number: int) -> httpx.Response:
        return self.hurry(client, number, rest=LONG)


@pytest.fixture(params=["caddy", "nginx"])
def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, list[Node]]]:
    """The port of the proxy, and two nodes behind it."""
    nodes = [Node(tmp_path), Node(tmp_path)]
    if request.param == "nginx" and not test_proxy.NGINX:
        pytest.skip("nginx is not installed; as root: apt-get install nginx-light")
    proxy = (
        test_caddy.Proxy(tmp_path, " ".join(f"127.0.0.1:{node.port}" for node in nodes))
        if request.param == "caddy"
        else test_proxy.Proxy(tmp_path, *(node.port for node in nodes))
    )
    with ExitStack() as stack:
        for node in nodes:
            node.start()
            stack.callback(node.end)
        for running in proxy.running():
            yield running.https, nodes


def test_ending_server_loses_no_call(proxied, tmp_path):
    port, nodes = proxied
    callers = Callers()
    context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    calls = [callers.hurry] * BUSY + [callers.rest] * RESTING
    load = Load(calls, f"https://localhost:{port}", context, pause=0)
    load.start()
    wait_until(lambda: len(callers.answered) == len(nodes))
    for node in nodes * ENDS:
        known = set(callers.answered)
        node.end()
        node.start()
        wait_until(lambda known=known: callers.answered - known)  # the proxy sends it calls again
    load.stop()
    assert {one.status for one in load.answers} == {200}
    assert len(load.answers) > 200


def test_proxies_let_go_of_a_connection_before_an_ending_server_does():
    """Of one that rested for so long that the server closes it, they can't know whether a call on it was done."""
    (caddy,) = re.findall(r"^\t\t\tkeepalive (\d+)s$", test_caddy.CADDYFILE.read_text(), re.M)
    (nginx,) = re.findall(r"upstream praxis {[^}]*keepalive_timeout (\d+)s;", test_proxy.CONFIGURATION.read_text())
    assert max(int(caddy), int(nginx)) < STOP_KEEPALIVE_LINGER
