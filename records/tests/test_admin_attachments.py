"""The files of a chart on the admin site: found, downloaded, renamed and added."""

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from integrations.virus_scan import Reason, ScanFailed
from integrations.virus_scan.built_in import EICAR
from patients.models import Patient
from records.attachments import services
from records.models import Attachment
from records.models.attachment import FileState
from records.tests.factories import stored_file
from tests.admin_forms import errors_of, page_of, send

LIST = reverse("admin:records_attachment_changelist")
TEXT = b"Bone density: normal"


def content_of(file):
    return reverse("admin:records_attachment_content", args=[file.pk])


def add_to(chart):
    return reverse("admin:records_attachment_add_to", args=[chart.pk])


def text(content=TEXT, name="findings.txt", declared="text/plain"):
    return {"file": SimpleUploadedFile(name, content, declared)}


@pytest.fixture
def files_of(own):
    def find(chart=own.chart):
        with practice_scope(chart.practice_id):
            return list(Attachment.with_deleted.filter(patient=chart).exclude(pk=own.file.pk).order_by("id"))

    return find


@pytest.fixture
def unscanned(monkeypatch):
    def fail(parts):
        raise ScanFailed(Reason.UNREACHABLE)

    monkeypatch.setattr(services, "scan", fail)


def restrict(chart):
    with practice_scope(chart.practice_id):
        Patient.objects.filter(pk=chart.pk).update(restricted=True)


# --- Finding and downloading


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_chart_lists_file_for_download(enter_as, own, role):
    client = enter_as(role)
    chart = client.get(page_of(own.chart)).content.decode()
    assert page_of(own.file) in chart and "scan-Ownwood.txt" in chart and "100\xa0MB used" in chart
    assert content_of(own.file) in client.get(page_of(own.file)).content.decode()

    answer = client.get(content_of(own.file))

    assert (answer.status_code, answer.getvalue()) == (200, TEXT)
    assert answer["Content-Disposition"] == 'attachment; filename="scan-Ownwood.txt"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    event = whole_trail().order_by("-id").first()
    assert (event.kind, event.about_id, event.user_id) == ("file.read", own.file.pk, client.user.pk)
    assert orjson.loads(event.patients) == [str(own.chart.pk)]
    assert "scan-Ownwood" not in event.details


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (FileState.QUARANTINED, 409, "Waiting for the virus scan"),
        (FileState.INFECTED, 403, "Infected"),
        (FileState.LOST, 404, "Missing from storage"),
    ],
)
def test_file_not_ready_cannot_be_downloaded(enter_as, own, state, status, words):
    with practice_scope(own.practice.pk):
        Attachment.objects.filter(pk=own.file.pk).update(state=state)
    client = enter_as("staff")
    for page in (page_of(own.chart), page_of(own.file), LIST):
        assert words in client.get(page).content.decode()
    assert content_of(own.file) not in client.get(page_of(own.file)).content.decode()
    assert client.get(content_of(own.file)).status_code == status
    assert [row.pk for row in client.get(LIST, {"state": state}).context["cl"].result_list] == [own.file.pk]
    assert client.get(LIST, {"state": "ready"}).context["cl"].result_count == 0


def test_file_being_stored_is_not_listed(enter_as, own):
    with practice_scope(own.practice.pk):
        Attachment.objects.filter(pk=own.file.pk).update(state=FileState.STORING)
    client = enter_as("admin")
    assert (client.get(content_of(own.file)).status_code, client.get(page_of(own.file)).status_code) == (404, 404)
    assert client.get(LIST, {"state": "storing"}).context["cl"].result_count == 0


def test_closed_chart_files_are_hidden(enter_as, own, files_of):
    restrict(own.chart)
    client = enter_as("admin")
    assert (client.get(content_of(own.file)).status_code, client.get(page_of(own.file)).status_code) == (404, 404)
    assert client.get(LIST).context["cl"].result_count == 0
    for answer in (client.get(add_to(own.chart)), client.post(add_to(own.chart), text())):
        assert (answer.status_code, answer.url) == (302, page_of(own.chart))
    assert files_of() == []


def test_other_practice_files_are_hidden(enter_as, own, foreign):
    client = enter_as("admin")
    assert client.get(content_of(foreign.file)).status_code == 404
    assert client.get(add_to(foreign.chart)).status_code == 404
    assert client.post(add_to(foreign.chart), text()).status_code == 404


# --- Renaming


def test_rename_by_manager_or_uploader(enter_as, own):
    admin, staff = enter_as("admin"), enter_as("staff")
    with practice_scope(own.practice.pk):
        theirs = stored_file(patient=own.chart, uploaded_by=staff.user, name="desk.txt")
    assert send(admin, own.file, name="knee.pdf").status_code == 302
    assert send(staff, theirs, name="Knee, left").status_code == 302
    with practice_scope(own.practice.pk):
        named = [Attachment.objects.get(pk=file.pk).name for file in (own.file, theirs)]
    assert named == ["knee.pdf.txt", "Knee, left.txt"]
    assert b'name="_save"' not in staff.get(page_of(own.file)).content
    assert staff.post(page_of(own.file), {"name": "mine.txt"}).status_code == 403
    refused = errors_of(send(admin, own.file, name=" . "))
    assert "name" in refused
    assert [event.kind for event in whole_trail().filter(about_id=own.file.pk, kind="data.changed")] == ["data.changed"]


# --- Adding


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_add_file_to_chart(enter_as, own, files_of, role):
    client = enter_as(role)
    assert add_to(own.chart) in client.get(page_of(own.chart)).content.decode()

    answer = client.post(add_to(own.chart), text())

    assert (answer.status_code, answer.url) == (302, f"{page_of(own.chart)}#files")
    (added,) = files_of()
    assert (added.name, added.uploaded_by_id, added.state) == ("findings.txt", client.user.pk, "ready")
    assert "The file was added." in client.get(answer.url).content.decode()
    assert client.get(content_of(added)).getvalue() == TEXT


def test_added_file_without_scanner_is_quarantined(enter_as, own, files_of, unscanned):
    answer = enter_as("staff").post(add_to(own.chart), text(), follow=True)
    assert "once it has been scanned for viruses" in answer.content.decode()
    assert [file.state for file in files_of()] == ["quarantined"]


@pytest.mark.parametrize(
    ("sent", "words", "reason"),
    [
        (text(EICAR), "virus", "malware"),
        (text(b"<svg onload=x>", "a.svg", "image/svg+xml"), "SVG", "svg"),
        (text(b"%PDF-1.7", "a.txt"), "", "mismatch"),
        (text(b"x" * 10_485_761), "10 MB", "too_large"),
    ],
    ids=["infected", "svg", "mismatch", "too large"],
)
def test_rejected_file_shows_and_logs_reason(enter_as, own, files_of, sent, words, reason):
    client = enter_as("staff")
    sent["file"].seek(0)

    answer = client.post(add_to(own.chart), sent)

    assert answer.status_code == 200
    page = answer.content.decode()
    assert words in page
    assert files_of() == []
    event = whole_trail().filter(kind="file.turned_away").order_by("-id").first()
    assert orjson.loads(event.details)["reason"] == reason
    assert orjson.loads(event.patients) == [str(own.chart.pk)]
    assert "Ann Ownwood" in page  # and the form again


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"file=abc", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
    ],
)
def test_malformed_form_shows_error(enter_as, own, files_of, body, declared):
    answer = enter_as("staff").post(add_to(own.chart), body, content_type=declared)
    assert answer.status_code == 200
    assert "not valid multipart/form-data" in answer.content.decode()
    assert files_of() == []


def test_missing_file_shows_error(enter_as, own, files_of):
    answer = enter_as("staff").post(add_to(own.chart), {"file": ""})
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, ["file"])


def test_two_files_are_refused(enter_as, own, files_of):
    sent = {"file": [SimpleUploadedFile(name, TEXT, "text/plain") for name in ("a.txt", "b.txt")]}
    answer = enter_as("staff").post(add_to(own.chart), sent)
    assert "Send exactly one file" in answer.content.decode()
    assert files_of() == []


def test_full_quota_shows_error(enter_as, own, files_of, settings):
    settings.PATIENT_FILES_BYTES = len(TEXT) + 3
    answer = enter_as("staff").post(add_to(own.chart), text())
    assert "This file doesn" in answer.content.decode()
    assert files_of() == []


def test_csrf_token_is_required(enter_as, own, files_of):
    """Django checks the form's token after reading the body, which contains it."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(enter_as("staff").user)
    assert client.post(add_to(own.chart), text()).status_code == 403
    assert files_of() == []
    client.get(add_to(own.chart))
    token = client.cookies[next(name for name in client.cookies if "csrf" in name)].value
    sent = {"csrfmiddlewaretoken": token, **text()}
    assert client.post(add_to(own.chart), sent).status_code == 302
    assert len(files_of()) == 1


@pytest.mark.parametrize("role", ["billing", "patient"])
def test_add_file_without_permission_is_refused(enter_as, own, files_of, role):
    client = enter_as(role)
    assert client.post(add_to(own.chart), text()).status_code == 403
    assert client.get(content_of(own.file)).status_code == 403
    assert files_of() == []


def test_superuser_upload_is_logged_in_practice(client, superuser, own, files_of):
    client.force_login(superuser)
    client.post(reverse("admin:pick_practice"), {"practice": own.practice.pk})
    assert client.post(add_to(own.chart), text()).status_code == 302
    assert client.post(add_to(own.chart), text(EICAR)).status_code == 200
    (added,) = files_of()
    events = whole_trail().filter(kind__in=("file.turned_away", "data.created"), user_id=superuser.pk)
    assert {event.practice_id for event in events} == {own.practice.pk}
    assert client.get(page_of(added)).status_code == 200
    assert client.get(content_of(added)).status_code == 200
