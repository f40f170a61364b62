"""A refused upload leaves its connection usable: on a started server, with one client."""

import httpx
import pytest

from core.middleware.request_guard import DRAINED_BYTES
from tests.contract.clinic import PASSWORD
from tests.server import started

pytestmark = [pytest.mark.production, pytest.mark.slow]  # a server is started
CONTENT = b"x" * 1_000_000
TIMES = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with started(tmp_path_factory.mktemp("refused")) as server:
        yield server


@pytest.fixture(scope="module")
def token(server):
    person = {"name": "Pat", "email": "pat@example.com", "password": PASSWORD}
    first = {**person, "email": "ada@example.com", "role": "admin"}
    assert httpx.post(f"{server.url}/api/auth/register", json=first).status_code == 201
    assert httpx.post(f"{server.url}/api/auth/register", json={**person, "role": "patient"}).status_code == 201
    signed_in = httpx.post(
        f"{server.url}/api/auth/token", data={"username": person["email"], "password": PASSWORD}
    ).json()
    return signed_in["access_token"]


def uploaded(client, **headers):
    file = {"file": ("findings.txt", CONTENT, "text/plain")}
    return client.post("/api/attachments", files=file, headers=headers).status_code


def chunked(client):
    return client.post("/api/attachments", content=iter([CONTENT])).status_code


def to_another_address(client):
    return client.post("/api/records", content=CONTENT[:900_000]).status_code


def from_another_site(client):
    return uploaded(client, Origin="https://evil.example")


REFUSED = {
    "unknown": (uploaded, 401, False),
    "patient": (uploaded, 403, True),
    "foreign": (from_another_site, 403, False),
    "chunked": (chunked, 411, False),
    "elsewhere": (to_another_address, 401, False),
}


@pytest.mark.parametrize("case", REFUSED)
def test_connection_survives_refused_upload(server, token, case):
    send, status, signed_in = REFUSED[case]
    with httpx.Client(base_url=server.url, timeout=300, limits=httpx.Limits(max_connections=1)) as client:
        if signed_in:
            client.headers["Authorization"] = f"Bearer {token}"
        for _ in range(TIMES):
            assert send(client) == status
            assert client.get("/api/health/live").status_code == 200


def test_too_large_upload_is_413_and_connection_survives(server):
    with httpx.Client(base_url=server.url, timeout=300) as client:
        for _ in range(3):
            answer = client.post("/api/attachments", content=b"x" * (DRAINED_BYTES - 1_000_000))
            assert (answer.status_code, answer.json()) == (413, {"detail": "A file can have up to 10 MB."})
            assert client.get("/api/health/live").status_code == 200
