"""A real `purge_deleted` process is killed at critical points; the next run finishes the work."""

import json
import signal
import subprocess
import sys

import pytest

from tests.sampling import sample
from tests.server import ROOT, Server, own_database

pytestmark = [pytest.mark.production, pytest.mark.slow]  # a process is started and killed in each
CHARTS, FILES = 3, 3
START = """
import json, os, signal, sys
import django
django.setup()
from audit.context import by_command
by_command("test")
from datetime import timedelta
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone
from core.tenancy.soft_delete import soft_deletable_models
from core.tenancy.scope import practice_scope
from patients.deletion import purge
from patients.deletion import services as deletions
from patients.models import Deletion
from practices.models import Practice
from records.attachments import storage
from records.models import Attachment

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
"""
FILL = f"""
from uuid import uuid4
from accounts.tests.factories import UserFactory
from patients.tests.chart_with_all import chart_with_all, file_of
def person(role):
    return UserFactory(role=role, email=f"{{uuid4().hex}}@example.com")

practice = Practice(name="Demo Clinic", retention_years=0)
with practice_scope(practice.pk):
    practice.save()
    admin, doctor = person("admin"), person("doctor")
    for _ in range({CHARTS}):
        made = chart_with_all(doctor, user=person("patient"))
        for _ in range({FILES} - 1):
            file_of(made.patient, doctor, storage_name=storage.new_name())
        Attachment.objects.filter(pk=made.attachment.pk).update(storage_name=storage.new_name())
        for name in Attachment.objects.filter(patient=made.patient).values_list("storage_name", flat=True):
            storage.storage().save(name, ContentFile(b"encrypted"))
        deletions.delete(by=admin, row=made.patient, reason="By mistake")
    Deletion.objects.update(created_at=timezone.now() - timedelta(days=31))
"""
PURGE = 'call_command("purge_deleted")'
DEATHS = {
    "before anything of a chart is gone": "purge._erase_external = die",
    "between two of its files": """
remove, removed = storage.remove, []
def one(name):
    if removed:
        die()
    removed.append(name)
    remove(name)
storage.remove = one
""",
    "before its rows are gone": "purge._remove_rows = die",
    "while its rows go": "purge._remove_charts = die",
    "before the trail has it": "purge._log_purge = die",
    "between two charts": """
settle, settled = purge.Purge._process, []
def one(self, pk):
    if settled:
        die()
    settled.append(pk)
    return settle(self, pk)
purge.Purge._process = one
""",
}
LOOK = """
from accounts.models import User
practice = Practice.objects.latest("id")
with practice_scope(practice.pk):
    rows = {model._meta.label: model.with_deleted.count() for model in soft_deletable_models()}
    rows |= {"deletions": Deletion.objects.count(), "accounts": User.objects.filter(role="patient").count()}
    stray = sum(model.with_deleted.filter(deletion=None).count() for model in soft_deletable_models())
    named = set(Attachment.with_deleted.values_list("storage_name", flat=True))
stored = {f"{folder}/{name}" for folder in storage.storage().listdir("")[0]
          for name in storage.storage().listdir(folder)[1]}
print(json.dumps({"rows": rows, "stray": stray, "stored": len(stored), "ownerless": len(stored - named)}))
"""


def run(server, *parts):
    script = "\n".join((START, *parts))
    environment = {**server.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


def seen(done):
    """Return what each LOOK printed, in order."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Only its database and file storage are used; no server is started."""
    directory = tmp_path_factory.mktemp("purge")
    with own_database(directory) as url:
        server = Server(directory, url, "")
        server.prepare()
        yield server


@pytest.mark.parametrize("death", sample(list(DEATHS), 2))
def test_killed_purge_finishes_when_run_again(server, death):
    killed = run(server, FILL, DEATHS[death], PURGE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    again = run(server, LOOK, PURGE, LOOK)

    between, after = seen(again)
    assert between["stray"] == between["ownerless"] == 0
    charts = CHARTS - (death == "between two charts")
    assert between["rows"]["patients.Patient"] == between["rows"]["deletions"] == charts
    assert between["rows"]["accounts"] == charts
    assert between["rows"]["records.Attachment"] == charts * FILES

    assert not any(after["rows"].values()) and after["stored"] == 0
    assert f"removed: {charts:,} (" in again.stdout
