"""The pages of imports: from the file to the charts and back, as the office manager does it; and the command."""

import re
from datetime import date

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Import, ImportPart, Patient
from patients.tests.factories import PatientFactory

TEXT = "Name;Date of birth;Phone\nPaula Jensen;31/12/1980;212 555 0101\nSam O'Neil;1/2/1979;212 555 0102\nNina;;\n"
NEW = reverse("import-new", kwargs={"kind": "patients"})


def send(client, text, **asked):
    return client.post(NEW, {"file": SimpleUploadedFile("old.csv", text.encode()), **asked})


def step_until_done(client, address):
    while True:
        answer = client.post(f"{address}step/", headers={"HX-Request": "true"})
        assert answer.status_code == 200
        if answer.headers.get("HX-Redirect"):
            return
        assert 'hx-trigger="load"' in answer.content.decode()


def test_manager_imports_and_undoes(enter_as, practice):
    client = enter_as("admin")
    with practice_scope(practice.pk):
        known = PatientFactory(name="Sam O'Neil", date_of_birth=date(1979, 2, 1), phone="212 555 0102")
    assert "None yet" in client.get(reverse("imports")).content.decode()
    assert client.get(NEW).status_code == 200
    address = send(client, TEXT).url
    page = client.get(address).content.decode()
    assert "Semicolon" in page and "line 2 says so" in page and 'value="dmy" checked' in page
    assert re.search(r'value="date_of_birth" selected', page)
    columns = {"column-0": "name", "column-1": "date_of_birth", "column-2": "phone"}
    refused = client.post(f"{address}match/", {**columns, "date_order": "mdy"})
    assert refused.status_code == 400 and "see line 2" in refused.content.decode()
    twice = client.post(f"{address}match/", {**columns, "column-2": "name", "date_order": "dmy"})
    assert "Two columns" in twice.content.decode()
    assert client.post(f"{address}match/", {**columns, "date_order": "dmy"}).url == address
    assert "Checking the lines" in client.get(address).content.decode()
    step_until_done(client, address)
    page = client.get(address, {"show": "double"}).content.decode()
    assert "Sam O&#x27;Neil" in page and "212 555 0102" in page and "same date of birth" in page
    event = whole_trail().filter(kind=AuditEvent.PAGE_READ, user_id=client.user.pk).last()
    assert orjson.loads(event.patients) == [str(known.pk)]
    assert "Enter a phone number, email" in client.get(address, {"show": "wrong"}).content.decode()
    left = b"".join(client.get(f"{address}not-imported.csv").streaming_content).decode()
    assert left.splitlines()[1].startswith("Sam O'Neil,1/2/1979,212 555 0102,May be here already")
    same = {"number": 3, "chart": known.pk, "choice": "same"}
    assert client.post(f"{address}decide/?show=double", same).url == f"{address}?show=double#line-3"
    assert client.post(f"{address}start/").url == address
    step_until_done(client, address)
    with practice_scope(practice.pk):
        assert sorted(chart.name for chart in Patient.objects.all()) == ["Paula Jensen", "Sam O'Neil"]
    assert client.post(f"{address}undo/").url == address
    step_until_done(client, address)
    assert "Taken back" in client.get(address).content.decode()
    with practice_scope(practice.pk):
        assert [chart.name for chart in Patient.objects.all()] == ["Sam O'Neil"]
    assert client.post(f"{address}discard/").url == address
    assert client.post(f"{address}undo/").status_code == 409
    assert "<td>-</td>" in client.get(reverse("imports")).content.decode()
    second = send(client, TEXT).url
    assert client.post(f"{second}discard/").url == reverse("imports")
    assert client.get(second).status_code == 404


def test_uploads_are_bounded_and_guarded(enter_as, practice, settings, other_practice):
    client = enter_as("admin")
    assert "Choose a file" in client.post(NEW, {}).content.decode()
    assert "empty" in send(client, "").content.decode()
    settings.MAX_IMPORT_BYTES = 1000
    large = send(client, "Name\n" + "Paula\n" * 1000)
    assert (large.status_code, "up to" in large.content.decode()) == (400, True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(client.user)
    assert send(strict, "Name\nPaula").status_code == 403
    address = send(client, "Name\nPaula").url
    foreign = enter_as("admin", practice=other_practice)
    for path in ("", "match/", "step/", "start/", "undo/", "discard/", "decide/"):
        call = foreign.get if not path else foreign.post
        assert call(f"{address}{path}", {"choice": "all"}).status_code == 404, path
    for role in ("doctor", "staff", "billing"):
        assert enter_as(role).get(reverse("imports")).status_code == 403
        assert send(enter_as(role), "Name\nPaula").status_code == 403
    with practice_scope(practice.pk):
        stored = ImportPart.objects.values_list("pk").first()
        assert stored and Import.objects.count() == 1


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text(TEXT)
    return path


def test_command_imports_continues_and_undoes(make_user, practice, file, capsys):
    by = make_user("admin").email
    with pytest.raises(CommandError, match="how the dates"):
        call_command("import_csv", "patients", file, by=by)
    with pytest.raises(CommandError, match="1 lines were left out"):
        call_command("import_csv", "patients", file, by=by, dates="dmy", dry_run=True)
    out = capsys.readouterr().out
    assert "2 Will be imported" in out and "line 4: Enter a phone number" in out and "Nothing was imported" in out
    with practice_scope(practice.pk):
        assert not Patient.objects.exists() and not Import.objects.exists()
    with pytest.raises(CommandError) as error:
        call_command("import_csv", "patients", file, "--map", "name=Name", by=by, dates="dmy")
    assert error.value.returncode == 1
    key = re.search(r"Import (\S+):", capsys.readouterr().out)[1]
    with practice_scope(practice.pk):
        assert Patient.objects.count() == 2
    call_command("import_csv", "patients", by=by, undo=key, go_on=None)
    assert "2 Taken back" in capsys.readouterr().out
    for wrong in ({"by": "nobody@example.org"}, {"undo": "x"}, {"undo": None}):
        with pytest.raises(CommandError):
            call_command("import_csv", "patients", **{"by": by, "go_on": None, "undo": None, **wrong})
    with pytest.raises(CommandError, match="no column"):
        call_command("import_csv", "patients", file, "--map", "name=Nope", by=by, dates="dmy")


def test_of_a_chart_restricted_since_a_line_tells_no_more_than_the_name(enter_as, scope):
    client = enter_as("admin")
    facts = {"date_of_birth": date(1979, 2, 1), "phone": "212 555 0102"}
    charts = [PatientFactory(name=name, **facts) for name in ("Sam O'Neil", "Berta Quist")]
    address = send(client, TEXT).url
    client.post(
        f"{address}match/", {"column-0": "name", "column-1": "date_of_birth", "column-2": "phone", "date_order": "dmy"}
    )
    step_until_done(client, address)
    page = client.get(address, {"show": "double"}).content.decode()
    assert "same date of birth" in page and "Berta Quist" in page
    Patient.objects.filter(pk__in=[chart.pk for chart in charts]).update(restricted=True)
    page = client.get(address, {"show": "double"}).content.decode()
    assert "similar name" in page and "same date of birth" not in page and "Berta Quist" not in page
