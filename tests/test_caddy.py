"""deploy/Caddyfile as it is written, in front of Praxis."""

import json
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from django.http import HttpResponse
from websockets.sync.client import connect

from core.api.routes import routes
from core.middleware.request_guard import RequestGuard
from tests.contract.clinic import PASSWORD
from tests.server import Server, free_port, own_database, own_redis
from tests.test_proxy import make_certificate, upload_to

pytestmark = [pytest.mark.production, pytest.mark.slow]
ROOT = Path(__file__).resolve().parent.parent
CADDYFILE = ROOT / "deploy" / "Caddyfile"
CADDY = Path(sys.executable).parent / "caddy"
MARK = "Zwq-marked-7731"


class Proxy:
    def __init__(self, directory: Path, upstreams: str) -> None:
        self.directory, self.http, self.https, self.health = directory, free_port(), free_port(), free_port()
        make_certificate(directory)
        text = CADDYFILE.read_text()
        site = "{$SITE_URL} {\n"
        assert site in text
        tls = f"\ttls {directory}/fullchain.pem {directory}/privkey.pem\n"
        self.file = directory / "Caddyfile"
        self.file.write_text(text.replace(site, f"{site}{tls}"))
        self.url = f"https://localhost:{self.https}"
        self.environment = {
            "HOME": str(directory),
            "SITE_URL": self.url,
            "ACME_EMAIL": "ada@example.org",
            "UPSTREAMS": upstreams,
            "HTTP_PORT": str(self.http),
            "HTTPS_PORT": str(self.https),
            "HEALTH_PORT": str(self.health),
        }
        self.log = directory / "caddy.log"

    def running(self) -> Iterator["Proxy"]:
        command = [str(CADDY), "run", "--config", str(self.file), "--adapter", "caddyfile"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, cwd=self.directory)
        try:
            deadline = time.monotonic() + 300
            while not self._answers():
                assert process.poll() is None and time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)
            yield self
        finally:
            process.terminate()
            process.wait(300)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.https), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.directory / "fullchain.pem"))

    def request(self, path: str, method: str = "GET", **more) -> httpx.Response:
        return httpx.request(method, self.url + path, verify=self.context, timeout=300, **more)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("caddy")
    with own_database(directory) as database_url:
        changes = {"TRUSTED_PROXIES": "127.0.0.1", "HTTPS_ONLY": "true"}
        server = Server(directory, database_url, own_redis(), changes)
        server.prepare()
        with server.running():
            for proxy in Proxy(directory, f"127.0.0.1:{server.port}").running():
                proxy.server = server
                yield proxy


def test_through_the_proxy_praxis_is_https(proxy):
    page = proxy.request("/")
    plain = httpx.get(f"http://127.0.0.1:{proxy.http}/", headers={"Host": "localhost"})

    assert page.status_code == 200 and "Secure" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert not {"Server", "Via"} & set(page.headers)
    assert (plain.status_code, plain.headers["Location"]) == (308, "https://localhost/")


def test_it_answers_health_checks_of_its_own_machine(proxy):
    assert httpx.get(f"http://127.0.0.1:{proxy.health}/").status_code == 200


def test_forwarded_headers_are_set_and_nothing_as_typed_is_logged(proxy):
    """Praxis sees the proxy's caller and the proxy's request id, whatever the caller writes."""
    forged = {
        "X-Forwarded-For": "198.51.100.7",
        "X-Request-ID": "forged-request-id",
        "X-Forwarded-Host": "evil.example",
    }
    answer = proxy.request(f"/api/patients?search={MARK}", headers={**forged, "Forwarded": "for=198.51.100.7"})

    given = answer.headers["X-Request-ID"]
    assert answer.status_code == 401 and re.fullmatch(r"[0-9a-f-]{36}", given)
    written = [json.loads(line) for line in proxy.log.read_text().splitlines() if "handled request" in line]
    assert given in [line.get("request_id") for line in written]
    for log in (proxy.log, proxy.server.log):
        assert MARK not in log.read_text() and "198.51.100.7" not in log.read_text()


def test_websocket_comes_through_and_no_other_protocol_does(proxy):
    person = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "role": "admin"}
    with httpx.Client(base_url=proxy.url, verify=proxy.context, timeout=300, headers={"Origin": proxy.url}) as client:
        assert client.post("/api/auth/register", json=person).status_code == 201
        client.post("/api/auth/login", json={key: person[key] for key in ("email", "password")})
        ticket = client.post("/api/ws-ticket").json()["ticket"]
    address = proxy.url.replace("https", "wss") + f"/ws/events?ticket={ticket}"
    with connect(address, ssl=proxy.context, open_timeout=300) as live:
        assert json.loads(live.recv(timeout=300))["type"] == "ready"
    assert proxy.request("/ws/events", headers={"Connection": "Upgrade", "Upgrade": "h2c"}).status_code == 426


def test_figures_are_not_for_everybody(proxy):
    assert (proxy.request("/metrics").status_code, proxy.request("/metrics").content) == (404, b"")


def test_large_bodies_come_through_where_praxis_takes_them():
    files, imports, others = re.findall(r"path_regexp (\S+)", CADDYFILE.read_text())
    guard = RequestGuard(lambda request: HttpResponse())
    ids = (str(uuid4()), str(uuid4()).upper())
    paths = {"/" + re.sub(r"<uuid:\w+>", one, path) for path, _ in routes() for one in ids}
    large = {path for path in paths if guard(upload_to(path)).status_code == 200}

    assert large == {path for path in paths if re.search(f"{files}|{imports}", path)}
    assert large == {path for path in paths if re.search(others, path)}


def test_body_is_stopped_above_what_is_taken(proxy):
    ten, twelve = bytes(10 * 1024 * 1024 + 1000), bytes(12 * 1024 * 1024)

    assert proxy.request("/api/attachments", "POST", content=ten).status_code == 401
    assert proxy.request("/api/attachments", "POST", content=twelve).status_code == 413
    assert proxy.request("/api/patients", "POST", content=ten).status_code == 413


def test_slow_caller_keeps_no_thread_waiting(proxy):
    """Half a request is read by the proxy: all threads of Praxis stay free."""
    halves = [socket.create_connection(("127.0.0.1", proxy.https)) for _ in range(12)]
    slow = [proxy.context.wrap_socket(half, server_hostname="localhost") for half in halves]
    for one in slow:
        one.sendall(b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
    started = time.monotonic()

    assert proxy.request("/api/health").status_code == 200

    assert time.monotonic() - started < 15  # they would be given up after twenty
    for one in slow:
        one.close()
