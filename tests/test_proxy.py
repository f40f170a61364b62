"""docs/proxy/nginx.conf as it is written, and nginx with it in front of Praxis where nginx is installed."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from websockets.sync.client import connect

from core.api.routes import routes
from core.middleware.request_guard import RequestGuard
from tests.contract.clinic import CHART, PASSWORD
from tests.server import Server, free_port, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]
CONFIGURATION = Path(__file__).resolve().parent.parent / "docs" / "proxy" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
MARK = "Zwq-marked-7731"


@pytest.fixture(scope="module")
def directives() -> list[tuple[str, str]]:
    text = re.sub(r"#.*", "", CONFIGURATION.read_text())
    return [(name, " ".join(value.split())) for name, value in re.findall(r"(\w+)\s+([^;{}]+);", text)]


def test_proxy_allows_only_modern_tls(directives):
    assert ("ssl_protocols", "TLSv1.2 TLSv1.3") in directives
    (ciphers,) = [value.split(":") for name, value in directives if name == "ssl_ciphers"]
    assert all(cipher.startswith("ECDHE-") and re.search("GCM|CHACHA20", cipher) for cipher in ciphers)


def test_forwarded_headers_are_replaced_not_appended(directives):
    headers = dict(value.split(None, 1) for name, value in directives if name == "proxy_set_header")
    assert headers == {
        "Host": "$http_host",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Request-ID": "$request_id",
        "X-Forwarded-Host": '""',
        "Forwarded": '""',
        "Upgrade": "$websocket",
        "Connection": "$to_praxis",
    }


def test_no_log_holds_an_address_as_typed(directives):
    (written,) = [value for name, value in directives if name == "log_format"]
    assert not re.search(r"\$(request\b|request_uri|uri|args|query|http_|arg_|cookie_)", written)
    assert {value.split()[-1] for name, value in directives if name == "access_log"} == {"praxis"}
    assert {value.split()[-1] for name, value in directives if name == "error_log"} == {"crit"}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Proxy"]:
    if not NGINX:
        pytest.skip("nginx is not installed; as root: apt-get install nginx-light")
    directory = tmp_path_factory.mktemp("proxy")
    changes = {"TRUSTED_PROXIES": "127.0.0.1", "HTTPS_ONLY": "true", "ANON_RATE_LIMIT_PER_MINUTE": "40"}
    with own_database(directory) as database_url:
        server = Server(directory, database_url, own_redis(), changes)
        server.prepare()
        with server.running():
            for proxy in Proxy(directory, server.port).running():
                proxy.server = server
                yield proxy


class Proxy:
    def __init__(self, directory: Path, *ports: int) -> None:
        """`ports` are those of the servers behind it."""
        self.directory = directory
        self.http, self.https = free_port(), free_port()
        make_certificate(directory)
        text = CONFIGURATION.read_text()
        for written, here in {
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
            "praxis.example.org": "localhost",
            "server 127.0.0.1:8000 fail": " fail_timeout=2s; ".join(f"server 127.0.0.1:{port}" for port in ports)
            + " fail",
            "/etc/ssl/praxis": str(directory),
            "/var/log/nginx": str(directory),
        }.items():
            assert written in text, written
            text = text.replace(written, here)
        temporary = "".join(
            f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        self.file = directory / "nginx.conf"
        self.file.write_text(f"{user} daemon off; pid {directory}/pid; events {{}} http {{ {temporary} {text} }}\n")

    def running(self) -> Iterator["Proxy"]:
        command = [str(NGINX), "-p", str(self.directory), "-c", str(self.file), "-e", str(self.directory / "start.log")]
        subprocess.run([*command, "-t"], check=True, capture_output=True, timeout=300)
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            self._wait()
            yield self
        finally:
            process.terminate()
            process.wait(300)

    def _wait(self) -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.https), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError((self.directory / "start.log").read_text())

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.directory / "fullchain.pem"))
        url = f"https://localhost:{self.https}"
        return httpx.Client(base_url=url, verify=context, timeout=300, headers={"Origin": url})

    def request(self, path: str, method: str = "GET", **more) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.directory / "fullchain.pem"))
        return httpx.request(method, f"https://localhost:{self.https}{path}", verify=context, timeout=300, **more)


def make_certificate(directory: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (directory / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (directory / "privkey.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def test_through_the_proxy_praxis_is_https(proxy):
    answer = proxy.request("/api/health")
    page = proxy.request("/")

    assert (answer.status_code, page.status_code) == (200, 200)
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Secure" in page.headers["Set-Cookie"]


def test_admins_form_is_taken_through_the_proxy(proxy):
    """Django asks a form that came over HTTPS for its origin."""
    page = proxy.request("/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    sent = {"csrfmiddlewaretoken": token[1], "username": "nobody@example.com", "password": "wrong"}
    origin = {"Origin": f"https://localhost:{proxy.https}"}
    foreign = {"Origin": "https://evil.example"}

    assert proxy.request("/", "POST", data=sent, headers=origin, cookies=page.cookies).status_code == 200
    assert proxy.request("/", "POST", data=sent, headers=foreign, cookies=page.cookies).status_code == 403


def test_proxy_takes_large_bodies_at_the_addresses_where_praxis_does(settings):
    text = re.sub(r"#.*", "", CONFIGURATION.read_text())
    files, imports = re.findall(r"location ~ (\S+) \{", text)
    location = f"{files}|{imports}"
    guard = RequestGuard(lambda request: HttpResponse())
    paths = {"/" + re.sub(r"<uuid:\w+>", str(uuid4()), path) for path, _ in routes()}

    large = {path for path in paths if guard(upload_to(path)).status_code == 200}

    assert large == {path for path in paths if re.search(location, path)}
    assert len(large) == 5  # a page that takes files: a test of it below, too
    assert re.search(files, "/api/v1/attachments")


def upload_to(path: str) -> HttpRequest:
    request = RequestFactory().post(path)
    request.META["CONTENT_LENGTH"] = "9000000"
    return request


@pytest.fixture(scope="module")
def office_manager(proxy) -> httpx.Client:
    """Signed in to the API and to the admin site, with a chart."""
    client = proxy.client()
    person = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "role": "admin"}
    assert client.post("/api/auth/register", json=person).status_code == 201
    assert client.post("/api/auth/login", json={key: person[key] for key in ("email", "password")}).status_code == 200
    token = form_token(client.get("/"))
    sent = {"csrfmiddlewaretoken": token, "username": person["email"], "password": PASSWORD}
    assert client.post("/", data=sent).status_code == 302
    return client


@pytest.fixture(scope="module")
def chart(office_manager) -> str:
    return office_manager.post("/api/patients", json=CHART).json()["id"]


def form_token(page: httpx.Response) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]


LARGE = {"file": ("findings.txt", b"Bone density: normal.\n" * 400_000, "text/plain")}  # 8.8 MB


@pytest.mark.parametrize("path", ["/api/attachments", "/api/v1/attachments"])
def test_api_takes_a_large_file_through_the_proxy(office_manager, chart, path):
    assert office_manager.post(path, data={"patientId": chart}, files=LARGE).status_code == 201


def test_page_of_a_chart_takes_a_large_file_through_the_proxy(office_manager, chart):
    """Kind 17 of issue 11: nginx refused what was over 2 MB."""
    page = f"/admin/records/attachment/to/{chart}/"
    token = form_token(office_manager.get(page))

    answer = office_manager.post(page, data={"csrfmiddlewaretoken": token}, files=LARGE)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/patients/patient/{chart}/change/#files")


@pytest.mark.parametrize("path", ["/api/attachments", "/api/v1/attachments"])
def test_files_come_through_where_they_are_taken_and_nowhere_else(proxy, path):
    ten, more = bytes(10 * 1024 * 1024 + 1000), bytes(12 * 1024 * 1024)
    of_praxis, of_nginx = proxy.request(path, "POST", content=ten), proxy.request(path, "POST", content=more)

    assert of_praxis.status_code == 401  # Praxis's own word: nobody is signed in
    assert of_praxis.json()["detail"]
    assert (of_nginx.status_code, "nginx" in of_nginx.text) == (413, True)
    assert proxy.request("/api/patients", "POST", content=ten).status_code == 413


def test_request_line_of_8_kb_comes_through(proxy):
    path = "/api/patients?search="

    assert proxy.request(path.ljust(8192 - len("GET  HTTP/1.1\r\n"), "x")).status_code == 401


def test_body_that_is_taken_is_never_written_to_the_proxys_disk(directives):
    sizes = {name: [value for other, value in directives if other == name] for name, _ in directives}
    assert sizes["client_max_body_size"] == sizes["client_body_buffer_size"] == ["2m", "11m", "21m"]
    assert sizes["proxy_max_temp_file_size"] == ["0"]


def test_live_updates_come_through_the_proxy_and_no_other_protocol_does(proxy, office_manager, chart):
    ticket = office_manager.post("/api/ws-ticket").json()["ticket"]
    context = ssl.create_default_context(cafile=str(proxy.directory / "fullchain.pem"))
    with connect(f"wss://localhost:{proxy.https}/ws/events?ticket={ticket}", ssl=context) as socket:
        assert json.loads(socket.recv(timeout=300))["type"] == "ready"
        assert socket.ping().wait(300)
    assert proxy.request("/ws/events", headers={"Connection": "Upgrade", "Upgrade": "h2c"}).status_code == 426


def test_plain_http_is_redirected(proxy):
    answer = httpx.get(f"http://127.0.0.1:{proxy.http}/admin/?next=/x")

    assert (answer.status_code, answer.headers["Location"]) == (301, "https://localhost/admin/?next=/x")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_older_tls_is_refused(proxy, version, spoken):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(proxy.directory / "fullchain.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")  # this side would speak it
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", proxy.https), timeout=60) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                assert (secured.version() or "").startswith("TLSv1.")
                met = True
        except (ssl.SSLError, ConnectionError):
            met = False
    assert met is spoken


def test_forwarded_headers_of_the_caller_are_dropped(proxy):
    given = "0af7651916cd43dd-8448eb211c80319c"
    answers = [
        proxy.request("/api/nothing", headers={"X-Forwarded-For": f"192.0.2.{number}", "X-Request-ID": given})
        for number in range(90)
    ]

    assert answers[-1].status_code == 429
    assert given not in {answer.headers["X-Request-ID"] for answer in answers}


def test_request_id_is_in_both_logs_and_typed_text_in_neither(proxy):
    answer = proxy.request(f"/api/patients/{MARK}?search={MARK}", headers={"User-Agent": MARK, "Referer": f"/{MARK}"})
    proxy.request("/x", "POST", content=b"x" * 3_000_000)

    written = (proxy.directory / "praxis.log").read_text()
    assert answer.headers["X-Request-ID"] in written
    assert answer.headers["X-Request-ID"] in proxy.server.log.read_text()
    for file in (*proxy.directory.glob("*.log"), proxy.server.log):
        assert MARK not in file.read_text(), file
