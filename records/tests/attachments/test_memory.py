"""The memory that a started server needs for an upload and a download of ten megabytes: less than four megabytes."""

import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.contract.clinic import CHART, PASSWORD
from tests.server import ROOT, Server, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]  # a server is started for each storage
MEGABYTE = 1024 * 1024
MOST = 4 * MEGABYTE
LINE = b"Bone density: normal. We see each other again in a week, or sooner.\n"
CONTENT = (LINE * (10 * MEGABYTE // len(LINE) + 1))[: 10 * MEGABYTE]


@pytest.fixture(params=["folder", "bucket"])
def changes(request):
    """Return the environment of a server with that storage."""
    if request.param == "folder":
        return {}
    import boto3

    url, name = request.getfixturevalue("s3_url"), f"files-{uuid4().hex}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket=name)
    return {
        "FILES_S3_BUCKET": name,
        "FILES_S3_ENDPOINT_URL": url,
        "FILES_S3_REGION": "us-east-1",
        "FILES_S3_ACCESS_KEY": "test",
        "FILES_S3_SECRET_KEY": "test",
    }


@pytest.fixture
def server(tmp_path, changes):
    """The server, and its worker process in /proc."""
    with own_database(tmp_path) as database_url:
        server = Server(tmp_path, database_url, own_redis(), changes={**changes, "SERVER_THREADS": "1"})
        server.prepare()
        with _serving(server) as worker:
            yield server, worker


@contextmanager
def _serving(server):
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
    with server.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=server.environment, stdout=log, stderr=log)
        try:
            server._wait_until_it_answers(process)
            (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield Path("/proc") / worker
        finally:
            process.terminate()
            process.wait()


def status(worker, name):
    """Bytes."""
    return int(re.search(rf"^{name}:\s+(\d+) kB$", (worker / "status").read_text(), re.M)[1]) * 1024


@contextmanager
def growth(worker):
    """Return by how much the process's memory grew at its peak."""
    (worker / "clear_refs").write_text("5")  # the peak starts anew: proc(5)
    before, measured = status(worker, "VmRSS"), {}
    yield measured
    measured["bytes"] = status(worker, "VmHWM") - before


def test_transfer_memory_is_bounded(server, record_property):
    server, worker = server
    client = httpx.Client(base_url=server.url, timeout=300)
    person = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "role": "admin"}
    assert client.post("/api/auth/register", json=person).status_code == 201
    signed_in = client.post("/api/auth/token", data={"username": person["email"], "password": PASSWORD}).json()
    client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    chart = client.post("/api/patients", json=CHART).json()["id"]

    def upload():
        file = {"file": ("findings.txt", CONTENT, "text/plain")}
        answer = client.post("/api/attachments", data={"patientId": chart}, files=file)
        assert answer.status_code == 201, answer.text
        return f"/api/attachments/{answer.json()['id']}/content"

    def download(address):
        assert client.get(address).content == CONTENT

    for _ in range(3):  # what is loaded when it is needed first is there afterwards
        download(upload())

    with growth(worker) as coming_in:
        address = upload()
    with growth(worker) as going_out:
        download(address)

    record_property("upload", coming_in["bytes"])
    record_property("download", going_out["bytes"])
    print(f"upload: {coming_in['bytes'] / 1024:.0f} KiB, download: {going_out['bytes'] / 1024:.0f} KiB")
    assert coming_in["bytes"] < MOST
    assert going_out["bytes"] < MOST
