"""Uploads and a real clamd, over HTTP: infected files are refused, unscanned ones are not served."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from django.core.management import CommandError, call_command

from integrations.tests.samples import CLEAN, INFECTED, pdf_with, zipped
from integrations.virus_scan.built_in import EICAR
from records.tests.attachments.conftest import ADDRESS, details, logged_events, rows, stored_names
from tests.clamd import stopped_clamd
from tests.server import ROOT, Server, own_database, own_redis
from tests.services import free_port

pytestmark = pytest.mark.production
LETTER = b"Dear Dr. Reyes, my back is better.\n"
PASSWORD = "Passw0rd!"
PDF = {"name": "letter.pdf", "declared": "application/pdf"}
AN_HOUR_PASSES = """
from datetime import timedelta
from core.tenancy.scope import practice_scope
from practices.models import Practice
from records.models import Attachment
for practice in Practice.objects.all():
    with practice_scope(practice.pk):
        for file in Attachment.objects.exclude(scanned_at=None):
            file.scanned_at -= timedelta(hours=1)
            file.save(update_fields=["scanned_at"])
"""
ZIP = {"name": "letter.zip", "declared": "application/zip"}
TEXT = {"name": "letter.txt", "declared": "text/plain"}


class TestWhileClamdRuns:
    @pytest.fixture(autouse=True)
    def scanner(self, clamd, settings):
        settings.VIRUS_SCAN_URL = clamd.url

    @pytest.mark.parametrize(
        ("content", "sent"),
        [
            (EICAR, TEXT),
            (EICAR, PDF),  # whatever it says it is
            (b"Dear Dr. Reyes\n" * 5_000 + EICAR, TEXT),
            (INFECTED["in a PDF"], PDF),
            (INFECTED["zipped in a PDF"], PDF),
            (INFECTED["zipped"], ZIP),
            (INFECTED["in a ZIP in a ZIP"], ZIP),
        ],
        ids=["text", "text called a PDF", "at the end", "in a PDF", "zipped in a PDF", "zipped", "in a ZIP in a ZIP"],
    )
    def test_infected_upload_is_refused(self, doctor, send, practice, content, sent):
        answer = send(doctor, content, **sent)

        assert answer.status_code == 400
        assert "virus" in answer.json()["detail"].lower()
        assert (rows(practice), stored_names()) == ([], [])
        assert logged_events() == [("file.turned_away", "refused")]
        assert details("file.turned_away") == [{"reason": "malware"}]

    def test_clean_upload_is_ready_at_once(self, doctor, send):
        for content, sent in ((LETTER, TEXT), (CLEAN["a PDF"], PDF)):
            added = send(doctor, content, **sent).json()
            assert added["status"] == "ready"
            assert doctor.get(f"{ADDRESS}/{added['id']}/content").status_code == 200


@pytest.mark.slow  # a clamd is started in each
class TestWhileClamdIsDown:
    @pytest.fixture
    def clamd(self, settings) -> Iterator:
        with stopped_clamd() as clamd:
            settings.VIRUS_SCAN_URL = clamd.url
            yield clamd

    def content(self, client, added):
        return client.get(f"{ADDRESS}/{added['id']}/content")

    def test_clean_upload_is_served_after_later_scan(self, clamd, doctor, send):
        added = send(doctor, LETTER)
        assert (added.status_code, added.json()["status"]) == (201, "quarantined")
        assert self.content(doctor, added.json()).status_code == 409
        assert doctor.post(f"{ADDRESS}/{added.json()['id']}/link").status_code == 409
        with pytest.raises(CommandError):
            call_command("scan_files")
        assert self.content(doctor, added.json()).status_code == 409

        with clamd.running():
            call_command("scan_files")

        answer = self.content(doctor, added.json())
        assert (answer.status_code, answer.getvalue()) == (200, LETTER)
        assert ("file.scanned", "done") in logged_events()

    def test_infected_upload_is_never_served(self, clamd, doctor, send, as_role):
        added = send(doctor, EICAR)
        assert (added.status_code, added.json()["status"]) == (201, "quarantined")

        with clamd.running():
            call_command("scan_files")
            call_command("scan_files")

        assert doctor.get(f"{ADDRESS}/{added.json()['id']}").json()["status"] == "infected"
        for client in (doctor, as_role("admin"), as_role("doctor")):
            assert self.content(client, added.json()).status_code == 403
            assert client.post(f"{ADDRESS}/{added.json()['id']}/link").status_code == 403

    def test_later_scan_sees_only_cleaned_file(self, clamd, doctor, send):
        """The stored file is scanned, since it is what would be served: a PDF without its embedded files."""
        added = send(doctor, pdf_with(zipped(EICAR)), **PDF)
        assert (added.status_code, added.json()["status"]) == (201, "quarantined")

        with clamd.running():
            call_command("scan_files")

        answer = self.content(doctor, added.json())
        assert answer.status_code == 200
        assert not re.search(rb"EmbeddedFile|Filespec", answer.getvalue())

    def test_file_too_large_for_scanner_is_quarantined(self, doctor, send, settings):
        with stopped_clamd(StreamMaxLength="64K") as small, small.running():
            settings.VIRUS_SCAN_URL = small.url
            added = send(doctor, LETTER * 10_000)
            assert (added.status_code, added.json()["status"]) == (201, "quarantined")
            with pytest.raises(CommandError):
                call_command("scan_files")
        assert self.content(doctor, added.json()).status_code == 409


# --- Real processes ---------------------------------------------------------------------------------------------------


@contextmanager
def silent_scanner() -> Iterator[tuple[str, socket.socket]]:
    """Yield the address and socket of a scanner that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(300)
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}", listener


@pytest.fixture(scope="module")
def doctor_of_a_server(tmp_path_factory) -> Iterator[tuple[Server, httpx.Client]]:
    """A started server whose scanner is down."""
    directory = tmp_path_factory.mktemp("served")
    with own_database(directory) as database_url:
        server = Server(directory, database_url, own_redis(), {"VIRUS_SCAN_URL": "eicar-only://"})
        server.prepare()
        server.manage("seed", "--password", PASSWORD, "--patients", "2", "--appointments", "0", "--records", "0")
        server.environment["VIRUS_SCAN_URL"] = f"tcp://127.0.0.1:{free_port()}"  # the demo's own files are ready
        with server.running(), httpx.Client(base_url=server.url, timeout=300) as client:
            signed_in = client.post("/api/auth/login", json={"email": "doctor@example.com", "password": PASSWORD})
            client.headers["Cookie"] = f"access_token={signed_in.cookies['access_token']}"
            yield server, client


@pytest.fixture
def served(doctor_of_a_server) -> tuple[Server, httpx.Client, str]:
    """The server, a doctor, and the address of what they have just uploaded."""
    server, client = doctor_of_a_server
    chart = client.get("/api/patients").json()["patients"][0]["id"]
    file = ("letter.txt", LETTER, "text/plain")
    answer = client.post(ADDRESS, data={"patientId": chart}, files={"file": file})
    assert (answer.status_code, answer.json()["status"]) == (201, "quarantined"), answer.text
    return server, client, f"{ADDRESS}/{answer.json()['id']}/content"


@contextmanager
def scan_files(server, url, *arguments) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "manage.py", "scan_files", *arguments]
    environment = {**server.environment, "VIRUS_SCAN_URL": url}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow  # processes are started
def test_killed_scan_is_finished_by_next_run(served, clamd):
    server, client, content = served
    with silent_scanner() as (url, listener), scan_files(server, url) as process:
        wire, _ = listener.accept()
        with wire:
            assert wire.recv(4) == b"zINS"  # the scan has begun
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(300) == -signal.SIGKILL
    assert client.get(content).status_code == 409

    # it may still be somebody's at once, and is anybody's later
    with scan_files(server, clamd.url) as process:
        assert process.communicate(timeout=300)[0] == "0 clean, 0 infected, 1 in quarantine.\n"
    server.manage("shell", "-c", AN_HOUR_PASSES)
    with scan_files(server, clamd.url) as process:
        assert process.communicate(timeout=300)[0] == "1 clean, 0 infected, 0 in quarantine.\n"
        assert process.returncode == 0
    assert client.get(content).content == LETTER


@pytest.mark.slow  # processes are started
def test_repeated_scan_recovers_and_stops_on_sigterm(served):
    server, client, content = served
    with stopped_clamd() as clamd, scan_files(server, clamd.url, "--every", "1") as process:
        assert process.stdout.readline() == "The virus scanner is not responding.\n"
        with clamd.running():
            line = process.stdout.readline()
            while line == "The virus scanner is not responding.\n":
                line = process.stdout.readline()
            assert line == "1 clean, 0 infected, 0 in quarantine.\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(300) == 0
    assert client.get(content).content == LETTER
