"""The export of a complete chart as a ZIP."""

import zipfile
from datetime import timedelta
from io import BytesIO

import orjson
import pytest
from django.utils import timezone
from pypdf import PdfReader

from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.deletion.services import delete
from patients.restriction.services import break_glass
from patients.tests.factories import PatientFactory
from records.attachments import storage
from records.models import Attachment, ChartEntry, MedicalRecord, PlanOfCare, SessionNote
from records.tests.factories import (
    BodyChartFactory,
    FinalisedNoteFactory,
    GoalFactory,
    MeasureFactory,
    MedicalRecordFactory,
    NoteFactory,
    PlanFactory,
    stored_file,
)
from tests.damage import flip_bit

JSON = "application/json"
SECTIONS = ["chartEntries", "measures", "bodyCharts", "appointments", "records", "sessions", "plans", "files"]
BILLING = ["invoices", "movements", "insurances", "visitCodes"]


@pytest.fixture
def full(practice, chart, doctor):
    """A chart with an entry of every kind."""
    with practice_scope(practice.pk):
        record = MedicalRecordFactory(patient=chart, doctor=doctor.user, diagnosis="Whiplash")
        note = FinalisedNoteFactory(patient=chart, doctor=doctor.user, subjective="Neck pain")
        NoteFactory(patient=chart, doctor=doctor.user, subjective="Not finished")
        AppointmentFactory(patient=chart, doctor=doctor.user, reason="Neck")
        MeasureFactory(patient=chart, doctor=doctor.user)
        BodyChartFactory(patient=chart, doctor=doctor.user)
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
    latex = doctor.post(f"/api/patients/{chart.pk}/allergies", {"text": "Latex", "severity": "mild"}, JSON).json()
    answer = doctor.patch(f"/api/chart-entries/{latex['id']}", {"version": 1, "severity": "severe"}, JSON)
    assert answer.status_code == 200, answer.content
    with practice_scope(practice.pk):
        chart.refresh_from_db()
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
    """Return the PDF's words in order, ignoring line breaks."""
    pages = PdfReader(BytesIO(found.read("chart.pdf"))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_admin_exports_whole_chart(as_role, full):
    found = opened(as_role("admin"), full)

    assert found.namelist() == ["chart.json", "chart.pdf", "files/scan.txt"]
    exported = contents(found)
    assert list(exported) == ["format", "exportedAt", "practice", "patient", *SECTIONS, *BILLING]
    assert (exported["practice"], exported["patient"]["name"]) == ("Demo Clinic", full.name)
    assert [len(exported[name]) for name in SECTIONS] == [1, 1, 1, 1, 1, 1, 1, 1]
    (latex,) = exported["chartEntries"]
    assert (latex["text"], len(latex["versions"])) == ("Latex", 2)
    assert exported["measures"][0]["value"] == 4 and "4 of 10" in words(found)
    assert "Lower back (back): pain, 7 of 10" in words(found)
    assert "Allergy: Latex (active)" in words(found) and "Severity mild" in words(found)
    assert found.read("files/scan.txt") == b"Bone density: normal"
    assert exported["files"][0] | {"name": "scan.txt", "leftOut": None} == exported["files"][0]


def test_export_contains_every_version(as_role, full):
    exported = contents(opened(as_role("admin"), full))

    def reasons(name):
        return [(version["number"], version["reason"]) for version in exported[name][0]["versions"]]

    assert reasons("records") == reasons("sessions") == reasons("plans") == [(1, ""), (2, "Review")]
    assert [version["content"]["title"] for version in exported["plans"][0]["versions"]] == ["Turn the head", "Turn it"]
    assert [version["content"]["notes"] for version in exported["records"][0]["versions"]][1] == "Worse"
    assert exported["sessions"][0]["versions"][1]["content"]["plan"] == "Collar"


def test_exported_pdf_matches_json(as_role, full):
    exported = words(opened(as_role("admin"), full))

    for expected in (
        "Neck pain",
        "Whiplash",
        "Worse",
        "Collar",
        "Turn the head",
        "Turn it",
        "80°",
        "scan.txt",
        "Review",
    ):
        assert expected in exported
    for absent in ("Not finished", "Of another", "Somebody Else"):
        assert absent not in exported


def test_export_omits_drafts_and_other_charts(as_role, full):
    exported = opened(as_role("admin"), full).read("chart.json").decode()

    for absent in ("Not finished", "Of another", "Somebody Else"):
        assert absent not in exported


def test_patient_exports_only_own_chart(as_role, full, practice):
    client = as_role("patient")
    with practice_scope(practice.pk):
        other = PatientFactory(user=client.user)

    assert contents(opened(client, other))["patient"]["id"] == str(other.pk)
    answer = export(client, full)
    assert (answer.status_code, full.name in answer.content.decode()) == (404, False)


@pytest.mark.parametrize("role", ["doctor", "staff", "billing"])
def test_export_by_other_roles_is_forbidden(as_role, full, role):
    assert export(as_role(role), full).status_code == 403


def test_export_of_closed_chart_is_forbidden(as_role, full, practice):
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


def test_export_is_logged_before_first_byte(as_role, full):
    answer = export(as_role("admin"), full)

    event = whole_trail().filter(kind="chart.exported").latest("id")
    assert (event.outcome, event.about_id, orjson.loads(event.patients)) == ("done", full.pk, [str(full.pk)])
    assert full.name not in event.details
    answer.close()


def test_export_file_name_is_neutral(as_role, full):
    answer = export(as_role("admin"), full)

    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="chart.zip"'
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "no-store")
    answer.close()


def test_export_omits_deleted_entries(as_role, full, practice):
    admin = as_role("admin")
    with practice_scope(practice.pk):
        for row in (MedicalRecord.objects.get(patient=full), PlanOfCare.objects.get(), Attachment.objects.get()):
            delete(by=admin.user, row=row, reason="By mistake")

    found = opened(admin, full)

    assert found.namelist() == ["chart.json", "chart.pdf"]
    assert [len(contents(found)[name]) for name in SECTIONS] == [1, 1, 1, 1, 0, 1, 0, 0]
    assert "Whiplash" not in words(found)


def test_export_of_empty_chart_has_all_sections(as_role, chart):
    found = opened(as_role("admin"), chart)

    assert [contents(found)[name] for name in SECTIONS] == [[]] * 8
    assert chart.name in words(found)


def test_export_keeps_files_with_same_name(as_role, make_file, chart):
    for content in (b"first", b"second"):
        make_file(name="X-ray.txt", content=content)

    found = opened(as_role("admin"), chart)

    assert {name: found.read(name) for name in found.namelist() if name.startswith("files/")} == {
        "files/X-ray.txt": b"first",
        "files/X-ray (2).txt": b"second",
    }


@pytest.mark.parametrize(
    ("state", "why"), [("quarantined", "virus scan"), ("infected", "virus was found"), ("lost", "missing")]
)
def test_export_lists_file_not_ready(as_role, make_file, chart, practice, state, why):
    kept = make_file()
    with practice_scope(practice.pk):
        Attachment.objects.filter(pk=kept.pk).update(state=state)

    found = opened(as_role("admin"), chart)

    assert found.namelist() == ["chart.json", "chart.pdf"]
    assert why in contents(found)["files"][0]["leftOut"]
    assert why in words(found)


def test_export_survives_missing_or_damaged_file(as_role, make_file, chart, folder):
    gone, damaged, _ = (make_file(name=f"{name}.txt", content=b"x" * 200_000) for name in ("gone", "damaged", "whole"))
    storage.remove(gone.storage_name)
    path = folder / damaged.storage_name
    path.write_bytes(path.read_bytes()[:-20])

    found = opened(as_role("admin"), chart)

    assert found.read("files/whole.txt") == b"x" * 200_000
    named = found.read("files/NOT COMPLETE.txt").decode()
    assert "gone.txt" in named and "damaged.txt" in named
    assert "files/gone.txt" not in found.namelist()


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (MedicalRecord, "diagnosis"),
        (SessionNote, "plan"),
        (PlanOfCare, "title"),
        (Attachment, "name"),
        (ChartEntry, "reaction"),
    ],
)
def test_export_survives_damaged_row(as_role, full, practice, model, field):
    with practice_scope(practice.pk):
        damaged = model.objects.filter(patient=full)
        flip_bit(damaged.exclude(status="draft").get() if model is SessionNote else damaged.get(), field)

    found = opened(as_role("admin"), full)

    assert [len(contents(found)[name]) for name in SECTIONS] == [1, 1, 1, 1, 1, 1, 1, 1]
    assert "[cannot be decrypted" in found.read("chart.json").decode()
    assert "[cannot be decrypted" in words(found)
    assert len([name for name in found.namelist() if name.startswith("files/")]) == 1


def test_export_survives_damaged_version(as_role, full, practice):
    with practice_scope(practice.pk):
        for row in (PlanOfCare.objects.get(), SessionNote.objects.get(amended_at__isnull=False)):
            flip_bit(row.versions.get(number=1), "content")

    found = opened(as_role("admin"), full)

    assert "unreadable" in contents(found)["plans"][0]["versions"][0]["content"]
    assert contents(found)["plans"][0]["versions"][1]["content"]["title"] == "Turn it"
    assert words(found).count("[cannot be decrypted") == 2


def test_export_marks_damaged_chart(as_role, full):
    flip_bit(full, "allergies")
    flip_bit(full, "name")

    found = opened(as_role("admin"), full)

    assert contents(found)["patient"]["name"].startswith("[cannot be decrypted")
    assert "Neck pain" in words(found)


@pytest.mark.slow  # much is printed
def test_export_of_many_rows_is_complete_and_ordered(as_role, practice, chart, doctor):
    first = timezone.now() - timedelta(days=300)
    with practice_scope(practice.pk):
        for number in range(205):
            MedicalRecordFactory(patient=chart, doctor=doctor.user, notes=f"#{number}", date=first + timedelta(number))

    exported = contents(opened(as_role("admin"), chart))

    assert [record["notes"] for record in exported["records"]] == [f"#{number}" for number in range(205)]


def test_export_keeps_no_scope_open_while_sending(as_role, full):
    from core.tenancy.scope import open_scope

    answer = export(as_role("admin"), full)

    assert {open_scope() for _ in answer.streaming_content} == {None}


@pytest.mark.slow  # much is printed
def test_export_prints_any_script(as_role, practice, doctor):
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Đặng Žižka Ελένη Жуков", medical_history="<b>&amp; 山田太郎 \U00012000\n" * 300)
        plan = PlanFactory(patient=chart, doctor=doctor.user, title="קימה <para>")
        GoalFactory.create_batch(50, plan=plan, text="ж" * 1000)
        FinalisedNoteFactory(patient=chart, doctor=doctor.user, date=timezone.now(), subjective="long " * 1000)

    exported = words(opened(as_role("admin"), chart))

    assert "Đặng Žižka Ελένη Жуков" in exported
    assert "<b>&amp; 山田太郎" in exported
    assert exported.count("ж" * 60) >= 50
