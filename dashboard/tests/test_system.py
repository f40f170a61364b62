"""The page "System": for the platform's superuser, and for nobody else."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.backups import runs
from core.backups.models import RunKind
from core.tenancy.scope import installation_scope
from dashboard.system import findings
from notifications.models import Schedule

ROLES = ("admin", "doctor", "staff", "billing", "patient")


@pytest.fixture
def root(superuser):
    client = Client()
    client.force_login(superuser)
    return client


def test_nobody_but_the_superuser_opens_or_finds_it(enter_as, root, practice):
    address = reverse("admin:system")
    for role in ROLES:
        client = enter_as(role)
        assert client.get(address).status_code == 403, role
        if role == "admin":
            assert address not in client.get(reverse("admin:index")).content.decode()
    assert Client().get(address).status_code == 302
    assert root.get(address).status_code == 200, "before a practice is chosen"
    root.post(reverse("admin:pick_practice"), {"practice": practice.pk})
    assert address in root.get(reverse("admin:index")).content.decode()
    assert root.get(address).status_code == 200


def test_it_tells_what_is_wrong_and_what_to_do(root, settings, db):
    settings.ALLOWED_HOSTS = ["*"]
    runs.record(RunKind.BACKUP, name="old", began_at=timezone.now() - timedelta(days=3), is_good=True)
    with installation_scope():
        Schedule.objects.all().delete()
    page = root.get(reverse("admin:system"))
    shown = page.content.decode()
    assert "Set ALLOWED_HOSTS to the public host name." in shown
    lines = {str(line.name): line for _title, part in page.context["parts"] for line in part}
    assert lines["Schedule"].value == "no worker has ever run"
    assert lines["Last backup"].is_bad and lines["Last drill without a difference"].is_bad
    assert any(f"Backup made, old, by {runs.operator()} with manage.py test" in line.value for line in lines.values())
    assert [lines[name].is_bad for name in ("Database", "Migrations", "Writing")] == [False] * 3
    assert "Django" in lines
    with installation_scope():
        Schedule.objects.create(name="audit.seal", next_run_at=timezone.now() + timedelta(minutes=1))
    runs.record(RunKind.BACKUP, name="new", began_at=timezone.now(), is_good=True)
    page = root.get(reverse("admin:system"))
    lines = {str(line.name): line for _title, part in page.context["parts"] for line in part}
    assert (lines["Schedule"].value, lines["Last backup"].is_bad) == ("on time", False)


def test_findings_are_those_of_the_command(settings, db):
    settings.ALLOWED_HOSTS = ["*"]
    assert "praxis.W001" in {one.number for one in findings()}
    settings.ALLOWED_HOSTS = ["praxis.example.org"]
    assert "praxis.W001" not in {one.number for one in findings()}
