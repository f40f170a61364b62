"""kill -9 in the middle of an upload, a real process: nothing is orphaned once reconcile_files has run."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from accounts.tests.factories import PASSWORD
from tests.sampling import sample
from tests.server import ROOT, Server, own_database, own_redis

pytestmark = [pytest.mark.production, pytest.mark.slow]

SEED = """
import django
django.setup()
from accounts.tests.factories import UserFactory
from audit.context import by_command
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import PracticeFactory

by_command("seed")
practice = PracticeFactory()
with practice_scope(practice.pk):
    doctor, chart = UserFactory(role="doctor"), PatientFactory()
print(practice.pk, doctor.pk, doctor.email, chart.pk)
"""
UPLOAD = """
import sys
import time
from uuid import UUID
import django
django.setup()
from django.core.files import File
from accounts.models import User
from audit.context import by_command
from core.encryption.streams import Spool
from core.tenancy.scope import practice_scope
from records.attachments import services, storage
from records.attachments.uploads import Upload

by_command("upload")
point, practice_id, user_id, chart_id = sys.argv[1:]

def reach(here):
    if here == point:
        print("HERE", flush=True)
        time.sleep(600)

class Watched(File):
    def chunks(self, chunk_size=None):
        parts = super().chunks(10_000)
        yield next(parts)
        reach("half stored")
        yield from parts

def save(name, spool, real=storage.save):
    reach("row written")
    real(name, spool)
    reach("stored")

class Sent(Upload):
    def chunks(self):
        parts = super().chunks()
        yield next(parts)
        reach("being looked at")
        yield from parts

storage.File, storage.save = Watched, save
with practice_scope(practice_id):
    spool = Spool.throwaway().fill([b"Bone density: normal " * 10_000])
    file = Sent(spool, name="findings.txt", declared_type="text/plain")
    services.add_file(by=User.objects.get(pk=user_id), file=file, patient_id=UUID(chart_id))
reach("done")
"""
pytestmark = [pytest.mark.production, pytest.mark.slow]  # a process is started and killed in each
# Where it is killed, and what is left of it then: rows by their state, and objects.
POINTS = {
    "being looked at": ([], 0),
    "row written": (["storing"], 0),
    "half stored": (["storing"], 1),
    "stored": (["storing"], 1),
    "done": (["ready"], 1),
}


class Clinic:
    def __init__(self, server):
        self.server = server
        self.practice, self.doctor, self.email, self.chart = self._run(SEED).split()

    def _command(self, script, *arguments):
        return [sys.executable, "-c", script, *arguments]

    def _run(self, script):
        environment = {**os.environ, **self.server.environment, "PYTHONPATH": str(ROOT)}
        command = self._command(script)
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    def upload_until(self, point):
        """Start an upload and kill it at this point."""
        command = self._command(UPLOAD, point, self.practice, self.doctor, self.chart)
        environment = {**self.server.environment, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "HERE\n"
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def states(self):
        return sorted(state for (state,) in self.server.rows("SELECT state FROM records_attachment"))

    def objects(self):
        folder = self.server.directory / "files"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def reconcile(self):
        return self.server.manage("reconcile_files", "--older-than", "0")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    directory = tmp_path_factory.mktemp("killed")
    with own_database(directory) as database_url:
        server = Server(directory, database_url, own_redis(), changes={"DJANGO_SETTINGS_MODULE": "config.settings"})
        server.prepare()
        yield Clinic(server)


@pytest.mark.parametrize("point", sample(list(POINTS), 2))
def test_killed_upload_is_reconciled(clinic, point):
    states, objects = clinic.states(), clinic.objects()
    more_states, more_objects = POINTS[point]

    clinic.upload_until(point)
    assert clinic.states() == sorted([*states, *more_states])
    assert len(clinic.objects()) == len(objects) + more_objects

    clinic.reconcile()

    kept = ["ready"] if point == "done" else []
    assert clinic.states() == sorted([*states, *kept])
    assert len(clinic.objects()) == len(objects) + len(kept) == len(clinic.states())


def test_server_killed_during_upload_keeps_nothing(clinic):
    states, objects, server = clinic.states(), clinic.objects(), clinic.server
    temporary = server.directory / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
    environment = {**server.environment, "TMPDIR": str(temporary)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        server._wait_until_it_answers(process)
        signed_in = httpx.post(
            f"{server.url}/api/auth/token", data={"username": clinic.email, "password": PASSWORD}, timeout=300
        )
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            _send_half(connection, signed_in.json()["access_token"], clinic.chart)
            _wait_for_spool(process.pid, temporary)
            os.killpg(process.pid, signal.SIGKILL)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    assert list(temporary.iterdir()) == []
    clinic.reconcile()
    assert (clinic.states(), clinic.objects()) == (states, objects)


def _send_half(connection, token, chart):
    fields = f'--frontier\r\nContent-Disposition: form-data; name="patientId"\r\n\r\n{UUID(chart)}\r\n'
    file = '--frontier\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n'
    body = f"{fields}{file}\r\n".encode() + b"Bone density: normal " * 50_000
    head = (
        f"POST /api/attachments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary=frontier\r\nContent-Length: {2 * len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)


def _wait_for_spool(group, temporary):
    """Wait until a server process has an unlinked temporary file of at least this size."""
    deadline = time.monotonic() + 30000
    while time.monotonic() < deadline:
        if any(_held(process, temporary) > 500_000 for process in _members(group)):
            return
        time.sleep(0.02)
    raise AssertionError("The upload did not come in.")


def _members(group):
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(process.name)) == group:
                yield process


def _held(process, temporary):
    sizes = [0]
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith(str(temporary)) and target.endswith("(deleted)"):
                    sizes.append(descriptor.stat().st_size)
    return max(sizes)
