"""A chart with all that is in it, as one ZIP."""

import zipfile
from datetime import timedelta
from io import BytesIO

import orjson
import pytest
from django.utils import timezone
from pypdf import PdfReader

from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy import practice_scope
from patients.deletions import delete
from patients.restriction import break_glass
from patients.tests.factories import PatientFactory
from records.files import storing
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote
from records.tests.factories import (
    FinalisedNoteFactory,
    GoalFactory,
    MedicalRecordFactory,
    NoteFactory,
    PlanFactory,
    stored_file,
)
from tests.damage import flip_bit

JSON = "application/json"
SECTIONS = ["appointments", "records", "sessions", "plans", "files"]


@pytest.fixture
def full(practice, chart, doctor):
    """Something of every kind in the chart."""
    with practice_scope(practice.pk):
        record = MedicalRecordFactory(patient=chart, doctor=doctor.user, diagnosis="Whiplash")
        note = FinalisedNoteFactory(patient=chart, doctor=doctor.user, subjective="Neck pain")
        NoteFactory(patient=chart, doctor=doctor.user, subjective="Not finished")
        AppointmentFactory(patient=chart, doctor=doctor.user, reason="Neck")
        stored_file(patient=chart, uploaded_by=doctor.user, name="scan.txt", content=b"Bone density: normal")
        other = PatientFactory(name="Somebody Else")
        MedicalRecordFactory(patient=other, doctor=doctor.user, diagnosis="Of another")
    body = {"patientId": str(chart.pk), "title": "Turn the head", "startsOn": "2026-11-02", "goals": [{"text": "80°"}]}
    plan = doctor.post("/api/plans", body, JSON).json()
    amend = {"reason": "Review", "version": 1}
    assert doctor.post(f"/api/plans/{plan['id']}/amendments", {**amend, "title": "Turn it"}, JSON).status_code == 200
    answer = doctor.post(f"/api/records/{record.pk}/amendments", {**amend, "notes": "Worse"}, JSON)
    assert answer.status_code == 200, answer.content
    answer = doctor.post(f"/api/sessions/{note.pk}/amendments", {**amend, "plan": "Collar"}, JSON)
    assert answer.status_code == 200, answer.content
    return chart


def export(client, chart):
    return client.get(f"/api/patients/{chart.pk}/export")


def opened(client, chart):
    answer = export(client, chart)
    assert answer.status_code == 200
    found = zipfile.ZipFile(BytesIO(answer.getvalue()))
    assert found.testzip() is None
    return found


def contents(found):
    return orjson.loads(found.read("chart.json"))


def words(found):
    """As they follow each other, wherever lines break."""
    pages = PdfReader(BytesIO(found.read("chart.pdf"))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_an_admin_is_given_the_whole_chart(as_role, full):
    found = opened(as_role("admin"), full)

    assert found.namelist() == ["chart.json", "chart.pdf", "files/scan.txt"]
    told = contents(found)
    assert list(told) == ["format", "exportedAt", "practice", "patient", *SECTIONS]
    assert (told["practice"], told["patient"]["name"]) == ("Demo Clinic", full.name)
    assert [len(told[name]) for name in SECTIONS] == [1, 1, 1, 1, 1]
    assert found.read("files/scan.txt") == b"Bone density: normal"
    assert told["files"][0] | {"name": "scan.txt", "leftOut": None} == told["files"][0]


def test_every_version_is_in_it(as_role, full):
    told = contents(opened(as_role("admin"), full))

    def reasons(name):
        return [(version["number"], version["reason"]) for version in told[name][0]["versions"]]

    assert reasons("records") == reasons("sessions") == reasons("plans") == [(1, ""), (2, "Review")]
    assert [version["content"]["title"] for version in told["plans"][0]["versions"]] == ["Turn the head", "Turn it"]
    assert [version["content"]["notes"] for version in told["records"][0]["versions"]][1] == "Worse"
    assert told["sessions"][0]["versions"][1]["content"]["plan"] == "Collar"


def test_the_printed_chart_says_the_same(as_role, full):
    told = words(opened(as_role("admin"), full))

    for said in ("Neck pain", "Whiplash", "Worse", "Collar", "Turn the head", "Turn it", "80°", "scan.txt", "Review"):
        assert said in told
    for unsaid in ("Not finished", "Of another", "Somebody Else"):
        assert unsaid not in told


def test_drafts_and_other_charts_are_not_in_it(as_role, full):
    told = opened(as_role("admin"), full).read("chart.json").decode()

    for unsaid in ("Not finished", "Of another", "Somebody Else"):
        assert unsaid not in told


def test_patients_are_given_their_own_chart_and_no_other(as_role, full, practice):
    client = as_role("patient")
    with practice_scope(practice.pk):
        other = PatientFactory(user=client.user)

    assert contents(opened(client, other))["patient"]["id"] == str(other.pk)
    answer = export(client, full)
    assert (answer.status_code, full.name in answer.content.decode()) == (404, False)


@pytest.mark.parametrize("role", ["doctor", "staff", "billing"])
def test_nobody_else_exports_a_chart(as_role, full, role):
    assert export(as_role(role), full).status_code == 403


def test_a_chart_that_is_closed_to_the_admin_is_not_exported(as_role, full, practice):
    admin = as_role("admin")
    with practice_scope(practice.pk):
        full.restricted = True
        full.save()
    assert export(admin, full).status_code == 403

    with practice_scope(practice.pk):
        access, _ = break_glass(patient_id=full.pk, by=admin.user, reason="Court order")
    opened(admin, full)
    event = whole_trail().filter(kind="chart.exported").latest("id")
    assert orjson.loads(event.details)["emergency"] == [str(access.pk)]


def test_another_practices_chart_does_not_exist(make_user, client_of, other_practice, full):
    assert export(client_of(make_user("admin", practice=other_practice)), full).status_code == 404


def test_it_is_told_before_anything_is_sent(as_role, full):
    answer = export(as_role("admin"), full)

    event = whole_trail().filter(kind="chart.exported").latest("id")
    assert (event.outcome, event.about_id, orjson.loads(event.patients)) == ("done", full.pk, [str(full.pk)])
    assert full.name not in event.details
    answer.close()


def test_a_browser_saves_it_under_a_name_that_tells_nothing(as_role, full):
    answer = export(as_role("admin"), full)

    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="chart.zip"'
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "no-store")
    answer.close()


def test_what_is_deleted_is_not_in_it(as_role, full, practice):
    admin = as_role("admin")
    with practice_scope(practice.pk):
        for row in (MedicalRecord.objects.get(patient=full), PlanOfCare.objects.get(), Attachment.objects.get()):
            delete(by=admin.user, row=row, reason="By mistake")

    found = opened(admin, full)

    assert found.namelist() == ["chart.json", "chart.pdf"]
    assert [len(contents(found)[name]) for name in SECTIONS] == [1, 0, 1, 0, 0]
    assert "Whiplash" not in words(found)


def test_an_empty_chart_has_its_sections_too(as_role, chart):
    found = opened(as_role("admin"), chart)

    assert [contents(found)[name] for name in SECTIONS] == [[]] * 5
    assert chart.name in words(found)


def test_files_of_one_name_lie_beside_each_other(as_role, keep, chart):
    for content in (b"first", b"second"):
        keep(name="X-ray.txt", content=content)

    found = opened(as_role("admin"), chart)

    assert {name: found.read(name) for name in found.namelist() if name.startswith("files/")} == {
        "files/X-ray.txt": b"first",
        "files/X-ray (2).txt": b"second",
    }


@pytest.mark.parametrize(
    ("state", "why"), [("quarantined", "virus scan"), ("infected", "virus was found"), ("lost", "missing")]
)
def test_a_file_that_is_not_ready_is_named_and_left_out(as_role, keep, chart, practice, state, why):
    kept = keep()
    with practice_scope(practice.pk):
        Attachment.objects.filter(pk=kept.pk).update(state=state)

    found = opened(as_role("admin"), chart)

    assert found.namelist() == ["chart.json", "chart.pdf"]
    assert why in contents(found)["files"][0]["leftOut"]
    assert why in words(found)


def test_a_file_that_is_gone_or_damaged_takes_nothing_else_with_it(as_role, keep, chart, folder):
    gone, damaged, _ = (keep(name=f"{name}.txt", content=b"x" * 200_000) for name in ("gone", "damaged", "whole"))
    storing.remove(gone.storage_name)
    path = folder / damaged.storage_name
    path.write_bytes(path.read_bytes()[:-20])

    found = opened(as_role("admin"), chart)

    assert found.read("files/whole.txt") == b"x" * 200_000
    named = found.read("files/NOT COMPLETE.txt").decode()
    assert "gone.txt" in named and "damaged.txt" in named
    assert "files/gone.txt" not in found.namelist()


@pytest.mark.parametrize(
    ("model", "field"),
    [(MedicalRecord, "diagnosis"), (SessionNote, "plan"), (PlanOfCare, "title"), (Attachment, "name")],
)
def test_a_damaged_row_takes_nothing_else_with_it(as_role, full, practice, model, field):
    with practice_scope(practice.pk):
        damaged = model.objects.filter(patient=full)
        flip_bit(damaged.exclude(status="draft").get() if model is SessionNote else damaged.get(), field)

    found = opened(as_role("admin"), full)

    assert [len(contents(found)[name]) for name in SECTIONS] == [1, 1, 1, 1, 1]
    assert "[cannot be decrypted" in found.read("chart.json").decode()
    assert "[cannot be decrypted" in words(found)
    assert len([name for name in found.namelist() if name.startswith("files/")]) == 1


def test_a_damaged_version_takes_nothing_else_with_it(as_role, full, practice):
    with practice_scope(practice.pk):
        for row in (PlanOfCare.objects.get(), SessionNote.objects.get(amended_at__isnull=False)):
            flip_bit(row.versions.get(number=1), "content")

    found = opened(as_role("admin"), full)

    assert "unreadable" in contents(found)["plans"][0]["versions"][0]["content"]
    assert contents(found)["plans"][0]["versions"][1]["content"]["title"] == "Turn it"
    assert words(found).count("[cannot be decrypted") == 2


def test_a_damaged_chart_is_exported_with_marks(as_role, full):
    flip_bit(full, "allergies")
    flip_bit(full, "name")

    found = opened(as_role("admin"), full)

    assert contents(found)["patient"]["name"].startswith("[cannot be decrypted")
    assert "Neck pain" in words(found)


def test_more_rows_than_are_read_at_once_are_all_there_in_order(as_role, practice, chart, doctor):
    first = timezone.now() - timedelta(days=300)
    with practice_scope(practice.pk):
        for number in range(205):
            MedicalRecordFactory(patient=chart, doctor=doctor.user, notes=f"#{number}", date=first + timedelta(number))

    told = contents(opened(as_role("admin"), chart))

    assert [record["notes"] for record in told["records"]] == [f"#{number}" for number in range(205)]


def test_no_scope_is_open_while_a_part_is_on_its_way(as_role, full):
    from core.scope import open_scope

    answer = export(as_role("admin"), full)

    assert {open_scope() for _ in answer.streaming_content} == {None}


def test_names_and_texts_of_any_script_are_printed(as_role, practice, doctor):
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Đặng Žižka Ελένη Жуков", medical_history="<b>&amp; 山田太郎 \U00012000\n" * 300)
        plan = PlanFactory(patient=chart, doctor=doctor.user, title="קימה <para>")
        GoalFactory.create_batch(50, plan=plan, text="ж" * 1000)
        FinalisedNoteFactory(patient=chart, doctor=doctor.user, date=timezone.now(), subjective="long " * 1000)

    told = words(opened(as_role("admin"), chart))

    assert "Đặng Žižka Ελένη Жуков" in told
    assert "<b>&amp; 山田太郎" in told
    assert told.count("ж" * 60) >= 50
