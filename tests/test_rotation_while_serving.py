"""A real `manage.py rotate_keys`, interrupted and killed in the middle, while a real server serves and is edited."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from core.encryption import key_file
from tests.server import ROOT, Server, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]

PASSWORD = "Passw0rd!"
PAUSE_SECONDS = 0.1  # of the desk, or the server would take the cores that the rotation needs
OLD, NEW = b"\x01\x00\x01", b"\x01\x00\x02"


@pytest.fixture(params=[250])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Serving a clinic of so many patients whose ring, of one key, is in a file."""
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    key_file.write(keys, {1: key_file.Key.new()})
    changes = {"FIELD_ENCRYPTION_KEYS": "", "FIELD_ENCRYPTION_KEYS_FILE": str(keys)}
    with own_database(tmp_path) as database_url:
        server = Server(tmp_path, database_url, own_redis(), changes)
        server.prepare()
        amounts = ("--patients", str(request.param), "--appointments", "100", "--records", "50")
        server.manage("seed", "--password", PASSWORD, *amounts)
        with server.running():
            yield server


class Desk(threading.Thread):
    """Somebody at the front desk, who writes notes to appointments and opens charts all the time."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.client = httpx.Client(base_url=server.url, timeout=300)
        cookies = self.client.post("/api/auth/login", json={"email": "staff@example.com", "password": PASSWORD}).cookies
        self.client.cookies.update(dict(cookies))
        self.client.headers["Cookie"] = f"access_token={cookies['access_token']}"
        self.appointments = [row["id"] for row in self.get("/api/appointments", limit=100)["appointments"]]
        self.notes: dict[str, str] = {}
        self.charts: dict[str, str] = {}
        self.refused: list[str] = []
        self._done = threading.Event()

    def get(self, path: str, **params: object) -> dict:
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self) -> None:
        for number in count():
            if self._done.wait(PAUSE_SECONDS):
                return
            self._write_note(self.appointments[number % len(self.appointments)], f"Note {number}")
            self._open_chart(f"Walk-in {number}")

    def _write_note(self, appointment_id: str, notes: str) -> None:
        answer = self.client.patch(f"/api/appointments/{appointment_id}", json={"notes": notes})
        if answer.status_code == 200:
            self.notes[appointment_id] = notes
        else:
            self.refused.append(answer.text)

    def _open_chart(self, name: str) -> None:
        chart = {
            "name": name, "email": "walk.in@example.org", "phone": "5550100", "dateOfBirth": "1980-01-02",
            "gender": "other", "address": "1 Elm Street",
        }  # fmt: skip
        answer = self.client.post("/api/patients", json=chart)
        if answer.status_code == 201:
            self.charts[answer.json()["id"]] = name
        else:
            self.refused.append(answer.text)

    def stop(self) -> None:
        self._done.set()
        self.join()


def rotate(server: Server, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "rotate_keys", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job ignores Ctrl-C, and so would all that it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def charts_under(server: Server, header: bytes) -> int:
    start = "substring(name from 1 for 3)" if server.database_url.startswith("postgres") else "substr(name, 1, 3)"
    ((found,),) = server.rows(f"SELECT count(*) FROM patients_patient WHERE {start} = %s", header)
    return found


def in_the_middle(server: Server, process: subprocess.Popen[str]) -> None:
    """Wait until the process has moved some more charts."""
    most, deadline = 0, time.monotonic() + 300
    while (left := charts_under(server, OLD)) >= most:
        most = left  # until the key is there, the desk adds to them
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.015)


def test_rotation_resumes_after_being_killed_and_loses_no_edit(server):
    desk = Desk(server)
    desk.start()
    try:
        first = rotate(server, "--new", "--batch-size", "3")
        in_the_middle(server, first)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=300)
        assert first.returncode == 130, said
        assert "Run rotate_keys again to continue." in said and "Traceback" not in said
        assert charts_under(server, OLD) and charts_under(server, NEW)

        second = rotate(server, "--batch-size", "3")
        in_the_middle(server, second)
        os.kill(second.pid, signal.SIGKILL)
        assert second.wait(300) == -signal.SIGKILL
        assert charts_under(server, OLD) > 50

        third = rotate(server, "--batch-size", "50")
        said, errors = third.communicate(timeout=300)
    finally:
        desk.stop()
    assert third.returncode == 0, errors
    assert "Nothing is left under key 1. Remove it from the ring" in said
    assert desk.refused == []
    assert len(desk.notes) > 5 and len(desk.charts) > 5

    keys = Path(server.environment["FIELD_ENCRYPTION_KEYS_FILE"])
    newest, oldest = keys.read_text().splitlines()
    assert newest.startswith("2@") and oldest.startswith("1")
    keys.write_text(newest)
    assert "values can be decrypted." in server.manage("check_encryption")
    shown = {row["id"]: row["notes"] for row in desk.get("/api/appointments", limit=100)["appointments"]}
    assert {pk: shown[pk] for pk in desk.notes} == desk.notes
    for chart_id, name in desk.charts.items():
        assert desk.get(f"/api/patients/{chart_id}")["name"] == name


@pytest.mark.parametrize("server", [40], indirect=True)
def test_rotation_to_two_new_keys_loses_no_edit(server):
    started = [rotate(server, "--new") for _ in range(2)]
    said = [process.communicate(timeout=300) for process in started]
    added = [int(key_id) for out, _ in said for key_id in re.findall(r"^Key (\d+) was added", out, re.MULTILINE)]
    assert added, said
    newest_first = key_file.parse(Path(server.environment["FIELD_ENCRYPTION_KEYS_FILE"]).read_text())
    assert list(newest_first) == [*sorted(added, reverse=True), 1]
    for process, (_, errors) in zip(started, said, strict=True):
        assert process.returncode == 0 or "CommandError" in errors, errors
    assert "values can be decrypted." in server.manage("check_encryption")
