"""Files of session notes: visible, deleted and restored with their note."""

import zipfile
from datetime import timedelta
from io import BytesIO, StringIO

import orjson
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.tenancy.scope import practice_scope
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from records.attachments import storage
from records.models import Attachment, SessionNote
from records.tests.attachments.conftest import ADDRESS
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory, stored_file

JSON = "application/json"
NOTE_FIRST = "Its session note is deleted: restore the session note."
REASON = orjson.dumps({"reason": "Of another session"})
OTHERS = ["admin", "doctor", "staff", "patient"]


@pytest.fixture
def patient(as_role):
    return as_role("patient")


@pytest.fixture
def chart(practice, patient):
    with practice_scope(practice.pk):
        return PatientFactory(user=patient.user)


@pytest.fixture
def note_with_file(practice, chart, doctor):
    """`note_with_file(NoteFactory)` returns a note and its file."""

    def make(factory=NoteFactory, **fields):
        with practice_scope(practice.pk):
            note = factory(patient=chart, doctor=doctor.user)
            return note, stored_file(
                patient=chart, uploaded_by=doctor.user, note=note, name="of-note.txt", content=b"Findings", **fields
            )

    return make


@pytest.fixture
def people(as_role, patient):
    return {"patient": patient, **{role: as_role(role) for role in ("admin", "doctor", "staff")}}


def listed(client, **query):
    return [one["id"] for one in client.get(ADDRESS, query).json()["attachments"]]


def answers(client, file):
    """Return the status of every address of one file."""
    return {
        client.get(f"{ADDRESS}/{file.pk}").status_code,
        client.get(f"{ADDRESS}/{file.pk}/content").status_code,
        client.post(f"{ADDRESS}/{file.pk}/link").status_code,
    }


def names_in(answer):
    return zipfile.ZipFile(BytesIO(answer.getvalue())).namelist()


def delete(client, address):
    return client.delete(address, REASON, content_type=JSON)


def purged():
    out = StringIO()
    call_command("purge_deleted", stdout=out, stderr=out)
    return out.getvalue()


def colleagues_see_drafts(practice):
    practice.doctors_see_drafts = True
    with practice_scope(practice.pk):
        practice.save()


# --- Visibility -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", OTHERS)
def test_draft_file_is_404_for_others(people, doctor, chart, note_with_file, make_file, who):
    _, file = note_with_file()
    loose = make_file()
    token = doctor.post(f"{ADDRESS}/{file.pk}/link").json()["url"]
    client = people[who]

    assert listed(client) == listed(client, patientId=chart.pk) == [str(loose.pk)]
    assert answers(client, file) == {404}
    assert client.get(token).status_code in (403, 404)
    assert client.patch(f"{ADDRESS}/{file.pk}", {"name": "x"}, JSON).status_code in (403, 404)
    assert delete(client, f"{ADDRESS}/{file.pk}").status_code in (403, 404)
    assert "of-note.txt" not in names_in(client.get(f"/api/patients/{chart.pk}/attachments.zip"))


def test_author_sees_draft_file(doctor, chart, note_with_file):
    note, file = note_with_file()

    assert listed(doctor) == listed(doctor, patientId=chart.pk) == listed(doctor, sessionId=note.pk) == [str(file.pk)]
    assert answers(doctor, file) == {200}


def test_colleagues_see_draft_file_with_draft(people, practice, note_with_file):
    note, file = note_with_file()
    colleagues_see_drafts(practice)

    assert listed(people["doctor"]) == listed(people["doctor"], sessionId=note.pk) == [str(file.pk)]
    assert answers(people["doctor"], file) == {200}
    for who in ("admin", "staff", "patient"):
        assert (listed(people[who]), answers(people[who], file)) == ([], {404})


@pytest.mark.parametrize("who", OTHERS)
def test_finalised_note_file_is_visible(people, note_with_file, who):
    _, file = note_with_file(FinalisedNoteFactory)

    assert listed(people[who]) == [str(file.pk)]
    assert answers(people[who], file) == {200}


def test_zip_omits_draft_file(doctor, people, chart, practice, note_with_file, make_file):
    note_with_file()
    make_file(name="scan.txt")
    colleagues_see_drafts(practice)

    assert names_in(doctor.get(f"/api/patients/{chart.pk}/attachments.zip")) == ["scan.txt"]
    archive = zipfile.ZipFile(BytesIO(people["admin"].get(f"/api/patients/{chart.pk}/export").getvalue()))
    assert [name for name in archive.namelist() if name.startswith("files/")] == ["files/scan.txt"]
    assert [one["name"] for one in orjson.loads(archive.read("chart.json"))["files"]] == ["scan.txt"]


def test_record_cannot_reference_hidden_draft_file(people, chart, note_with_file):
    _, file = note_with_file()
    body = {"patientId": str(chart.pk), "diagnosis": "d", "prescription": "p", "notes": "n"}

    answer = people["doctor"].post("/api/records", {**body, "attachments": [str(file.pk)]}, JSON)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["attachments.0"])


def test_admin_site_hides_draft_file(make_user, note_with_file, chart, make_file):
    _, file = note_with_file()
    make_file(name="scan.txt")
    client = Client()
    client.force_login(make_user("admin"))

    for page in (
        reverse("admin:patients_patient_change", args=[chart.pk]),
        reverse("admin:records_attachment_changelist"),
    ):
        shown = client.get(page).content.decode()
        assert "scan.txt" in shown
        assert "of-note.txt" not in shown
    assert client.get(reverse("admin:records_attachment_content", args=[file.pk])).status_code == 404
    change = client.get(reverse("admin:records_attachment_change", args=[file.pk]))
    assert "of-note.txt" not in change.content.decode()


# --- Deleting and restoring -------------------------------------------------------------------------------------------


def test_deleting_and_restoring_note_includes_files(doctor, people, practice, chart, note_with_file, make_file):
    note, file = note_with_file()
    loose = make_file()
    gone = note_with_file()[1]  # another note's
    with practice_scope(practice.pk):
        Attachment.objects.filter(pk=gone.pk).update(note=note)
    assert delete(doctor, f"{ADDRESS}/{gone.pk}").status_code == 200

    answer = delete(doctor, f"/api/sessions/{note.pk}")

    assert answer.json()["message"].startswith("Its body charts and files are hidden and restored with it")
    assert (listed(doctor), answers(doctor, file)) == ([str(loose.pk)], {404})
    alone = doctor.post(f"{ADDRESS}/{file.pk}/restore")
    assert (alone.status_code, alone.json()["detail"]) == (409, NOTE_FIRST)
    alone = doctor.post(f"{ADDRESS}/{gone.pk}/restore")
    assert (alone.status_code, alone.json()["detail"]) == (409, NOTE_FIRST)
    assert doctor.post(f"/api/sessions/{note.pk}/restore").status_code == 200
    assert listed(doctor) == [str(loose.pk), str(file.pk)]  # what was deleted before stays so
    assert doctor.post(f"{ADDRESS}/{gone.pk}/restore").status_code == 200


def test_file_referenced_by_record_follows_its_note(people, practice, chart, note_with_file):
    note, file = note_with_file(FinalisedNoteFactory)
    with practice_scope(practice.pk):
        MedicalRecordFactory(patient=chart, doctor=people["doctor"].user, attachments=[str(file.pk)])
    admin = people["admin"]

    answer = delete(admin, f"/api/sessions/{note.pk}").json()

    assert "including those that a medical record refers to" in answer["message"]
    assert answers(admin, file) == {404}
    admin.post(f"/api/sessions/{note.pk}/restore")
    assert answers(admin, file) == {200}


@pytest.mark.parametrize("factory", [NoteFactory, FinalisedNoteFactory])
def test_purge_removes_note_and_file(practice, doctor, people, note_with_file, factory):
    practice.retention_years = 0
    with practice_scope(practice.pk):
        practice.save()
    note, file = note_with_file(factory)
    delete(doctor if factory is NoteFactory else people["admin"], f"/api/sessions/{note.pk}")
    with practice_scope(practice.pk):
        Deletion.objects.update(created_at=timezone.now() - timedelta(days=31))

    said = purged()

    assert "removed: 1 " in said
    with practice_scope(practice.pk):
        assert not SessionNote.with_deleted.filter(pk=note.pk).exists()
        assert not Attachment.with_deleted.filter(pk=file.pk).exists()
    assert not storage.storage().exists(file.storage_name)


def test_draft_is_kept_as_long_as_its_file(practice, doctor, note_with_file):
    note, file = note_with_file()

    answer = delete(doctor, f"/api/sessions/{note.pk}").json()

    assert answer["keptUntil"][:4] == str(file.created_at.year + practice.retention_years)
