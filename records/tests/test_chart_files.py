"""The files of a chart on its pages: added, looked at, named, sorted, compared; and who looked first."""

import re
from io import BytesIO
from types import SimpleNamespace

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import Attachment
from records.models.attachment import FileState
from records.tests.factories import stored_file
from records.tests.test_chart_pages import events, text_of

BY_SCRIPT = {"X-Requested-By": "praxis"}


def picture(color="red", kind="PNG"):
    made = BytesIO()
    Image.new("RGB", (8, 8), color).save(made, kind)
    return made.getvalue()


@pytest.fixture
def paula(practice, make_user):
    """A chart of a doctor, with a text that the front desk has added."""
    doctor, clerk = make_user("doctor", name="Dr. Daniel Reyes"), make_user("staff", name="Sam Ortiz")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen", primary_doctor=doctor)
        file = stored_file(patient=chart, uploaded_by=clerk, name="mri.txt")
    client = Client()
    client.force_login(doctor)
    return SimpleNamespace(practice=practice, doctor=doctor, clerk=clerk, chart=chart, file=file, client=client)


def at(name, paula, *more):
    return reverse(name, args=[paula.chart.pk, *more])


def add(client, paula, name="scan.png", content=None, headers=BY_SCRIPT, **fields):
    sent = SimpleUploadedFile(name, picture() if content is None else content, "application/octet-stream")
    return client.post(at("chart_file_add", paula), {"file": sent, **fields}, headers=headers)


def latest(paula):
    with practice_scope(paula.practice.pk):
        return Attachment.objects.with_people().order_by("-id").first()


def test_file_is_added_by_the_script_and_by_the_plain_form(enter_as, paula):
    clerk = enter_as("staff")
    answer = add(clerk, paula, category="before")
    assert answer.status_code == 201, answer.content
    kept = latest(paula)
    assert (kept.name, kept.category, kept.uploaded_by, kept.seen_at) == ("scan.png", "before", clerk.user, None)
    assert "scan.png" in text_of(answer) and at("chart_file", paula, kept.pk) in answer.content.decode()
    plain = add(paula.client, paula, name="<b>knee.png", headers={})
    kept = latest(paula)
    assert plain.url == at("chart_file", paula, kept.pk)
    assert (kept.category, kept.seen_by) == ("other", paula.doctor)  # who adds a file has seen it
    created = events(paula.practice, kind="data.created", about="records.Attachment")
    assert len(created) == 2 and all(str(paula.chart.pk) in str(event.patients) for event in created)
    assert "knee" not in str([event.details for event in events(paula.practice)])


def test_what_is_wrong_with_a_file_is_said_in_a_sentence(enter_as, paula, subtests):
    cases = {
        "letter.docx": (b"PK", 400, "Word document"),
        "scan.png": (b"", 400, "empty"),
        "large.txt": (b"x" * 10 * 1024 * 1024 + b"more", 413, "up to 10 MB"),
    }
    for name, (content, status, words) in cases.items():
        with subtests.test(name=name):
            answer = add(paula.client, paula, name=name, content=content)
            assert (answer.status_code, answer["Content-Type"]) == (status, "text/plain; charset=utf-8")
            assert words in answer.content.decode()
    no_file = paula.client.post(at("chart_file_add", paula), {"category": "lab"}, headers=BY_SCRIPT)
    assert (no_file.status_code, no_file.content.decode()) == (400, "Choose a file.")
    assert enter_as("billing").post(at("chart_file_add", paula), {}).status_code == 403
    assert [orjson.loads(event.details)["reason"] for event in events(paula.practice, kind="file.turned_away")]


def test_file_is_not_added_for_another_site(paula):
    client = Client(enforce_csrf_checks=True)
    client.force_login(paula.doctor)
    assert add(client, paula).status_code == 403
    with practice_scope(paula.practice.pk):
        assert Attachment.objects.count() == 1
    page = client.get(at("chart_files", paula)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    assert add(client, paula, csrfmiddlewaretoken=token).status_code == 201


def test_pictures_and_pdfs_are_shown_inside_the_page_and_nothing_else(paula, subtests):
    add(paula.client, paula)
    file = latest(paula)
    page = paula.client.get(at("chart_file", paula, file.pk))
    content = at("chart_file_content", paula, file.pk)
    assert f'<img src="{content}" alt="scan.png">' in page.content.decode()
    assert "frame-src 'self'" in page["Content-Security-Policy"] and "unsafe" not in page["Content-Security-Policy"]
    shown = paula.client.get(content)
    assert b"".join(shown)[:4] == b"\x89PNG"
    assert shown["Content-Disposition"] == 'inline; filename="scan.png"'
    for name, value in {
        "Content-Type": "image/png",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }.items():
        with subtests.test(header=name):
            assert shown[name] == value
    assert "script" not in shown["Content-Security-Policy"] and "default-src 'none'" in shown["Content-Security-Policy"]
    assert paula.client.get(at("chart_file_content", paula, paula.file.pk)).status_code == 404  # a text
    downloaded = paula.client.get(at("chart_file_download", paula, paula.file.pk))
    assert downloaded["Content-Disposition"].startswith("attachment") and b"".join(downloaded)
    with practice_scope(paula.practice.pk):
        pdf = stored_file(patient=paula.chart, uploaded_by=paula.clerk, name="a.pdf", media_type="application/pdf")
        infected = stored_file(patient=paula.chart, uploaded_by=paula.clerk, state=FileState.INFECTED)
    assert "<iframe" in paula.client.get(at("chart_file", paula, pdf.pk)).content.decode()
    closed = paula.client.get(at("chart_file", paula, infected.pk))
    assert "A virus was found" in text_of(closed) and "Bone density" not in text_of(closed)


def test_clinician_who_looks_first_is_kept_and_my_day_lists_what_nobody_has(enter_as, paula):
    assert "Files to look at 1" in text_of(paula.client.get(reverse("my-day")))
    clerk = enter_as("staff")
    assert "Nobody has looked at it yet" in text_of(clerk.get(at("chart_files", paula)))
    clerk.get(at("chart_file", paula, paula.file.pk))  # no clinician
    assert latest(paula).seen_at is None
    page = text_of(paula.client.get(at("chart_file", paula, paula.file.pk)))
    assert "Bone density: normal" in page
    first = latest(paula)
    assert first.seen_by == paula.doctor
    assert "First looked at" in text_of(clerk.get(at("chart_file", paula, paula.file.pk)))
    colleague = enter_as("doctor", name="Dr. Hana Sato")
    colleague.get(at("chart_file", paula, paula.file.pk))
    assert (latest(paula).seen_by, latest(paula).seen_at) == (paula.doctor, first.seen_at)
    assert "Files to look at" not in text_of(paula.client.get(reverse("my-day")))
    with practice_scope(paula.practice.pk):
        stored_file(patient=PatientFactory(), uploaded_by=paula.clerk)  # of nobody's patient
    assert "Files to look at" not in text_of(paula.client.get(reverse("my-day")))
    read = events(paula.practice, kind="file.read", user_id=paula.doctor.pk)
    assert [orjson.loads(event.details)["file"] for event in read] == [str(paula.file.pk)]


def test_api_says_who_looked_first_and_sorts_files(client_of, paula):
    doctor, address = client_of(paula.doctor), f"/api/attachments/{paula.file.pk}"
    assert doctor.get(address).json()["seenAt"] is None
    b"".join(doctor.get(f"{address}/content"))
    assert doctor.get(address).json()["seenByName"] == "Dr. Daniel Reyes"
    changed = doctor.patch(address, {"category": "imaging"}, "application/json")
    assert (changed.status_code, changed.json()["category"]) == (200, "imaging")
    assert doctor.patch(address, {"name": "x"}, "application/json").status_code == 403  # another has added it
    assert doctor.patch(address, {"category": "holiday"}, "application/json").status_code == 400
    listed = {"patientId": str(paula.chart.pk)}
    assert doctor.get("/api/attachments", {**listed, "category": "imaging"}).json()["total"] == 1
    assert doctor.get("/api/attachments", {**listed, "category": "lab"}).json()["total"] == 0


def test_name_and_category_are_changed_and_a_file_is_deleted(enter_as, paula):
    manager, page = enter_as("admin"), at("chart_file", paula, paula.file.pk)
    assert manager.post(page, {"name": "MRI of the knee", "category": "imaging"}).url == page
    assert (latest(paula).name, latest(paula).category) == ("MRI of the knee.txt", "imaging")
    said = text_of(paula.client.get(page))
    assert "Name" not in said.split("Category")[0].split("Older file")[-1]
    assert paula.client.post(page, {"category": "report"}).url == page  # sorts, without renaming
    assert (latest(paula).name, latest(paula).category) == ("MRI of the knee.txt", "report")
    assert "Enter a file name." in text_of(manager.post(page, {"name": "...", "category": "report"}))
    assert paula.client.post(at("chart_file_delete", paula, paula.file.pk), {"reason": "Wrong"}).status_code == 403
    gone = manager.post(at("chart_file_delete", paula, paula.file.pk), {"reason": "Wrong chart"})
    assert gone.url == at("chart_files", paula)
    assert "No files in this chart yet." in text_of(manager.get(at("chart_files", paula)))


def test_before_and_after_are_side_by_side(paula):
    for name, category in (("one.png", "before"), ("two.png", "other"), ("three.png", "after")):
        add(paula.client, paula, name=name, category=category)
    page = paula.client.get(at("chart_files_compare", paula)).content.decode()
    assert re.findall(r'<img [^>]*alt="([^"]+)"', page) == ["one.png", "three.png"]
    with practice_scope(paula.practice.pk):
        two = next(file for file in Attachment.objects.all() if file.name == "two.png")
    page = paula.client.get(at("chart_files_compare", paula), {"right": two.pk}).content.decode()
    assert re.findall(r'<img [^>]*alt="([^"]+)"', page) == ["one.png", "two.png"]
    assert paula.client.get(at("chart_files_compare", paula), {"left": paula.file.pk}).status_code == 404


def test_list_has_pages_and_categories(paula):
    with practice_scope(paula.practice.pk):
        for number in range(31):
            stored_file(patient=paula.chart, uploaded_by=paula.clerk, name=f"n{number}.txt", category="lab")
    first = paula.client.get(at("chart_files", paula)).content.decode()
    assert first.count("<h2>") == 30
    more = re.search(r'href="([^"]+cursor=[^"]+)"', first)[1].replace("&amp;", "&")
    assert paula.client.get(more).content.decode().count("<h2>") == 2
    assert paula.client.get(at("chart_files", paula), {"category": "other"}).content.decode().count("<h2>") == 1
    assert paula.client.get(at("chart_files", paula), {"category": "x"}).status_code == 400


def test_files_of_closed_and_foreign_charts_are_not_shown(other_practice, make_user, enter_as, paula):
    addresses = [at("chart_files", paula), at("chart_files_compare", paula)]
    addresses += [
        at(name, paula, paula.file.pk)
        for name in ("chart_file", "chart_file_content", "chart_file_small", "chart_file_download")
    ]
    stranger = Client()
    stranger.force_login(make_user("doctor", practice=other_practice))
    for address in addresses:
        assert stranger.get(address).status_code == 404
        for role in ("billing", "patient"):
            assert enter_as(role).get(address).status_code == 403
    assert add(stranger, paula).status_code == 404
    with practice_scope(paula.practice.pk):
        Patient.objects.filter(pk=paula.chart.pk).update(restricted=True, primary_doctor=None)
    for address in addresses:
        closed = enter_as("doctor").get(address)
        assert closed.status_code == 403 and "mri.txt" not in text_of(closed)
    assert add(enter_as("doctor"), paula).status_code == 403
    assert latest(paula).pk == paula.file.pk
