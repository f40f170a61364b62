"""Files of a chart over HTTP: added, listed, renamed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import integrations.virus_scan
from core.tenancy.scope import practice_scope
from integrations.virus_scan import Reason, ScanFailed
from integrations.virus_scan.built_in import EICAR
from patients.models import Patient
from patients.restriction.services import break_glass
from patients.tests.factories import PatientFactory
from records.attachments import services, storage
from records.models import Attachment
from records.tests.attachments.conftest import ADDRESS, details, file_events, logged_events, rows, stored_names
from records.tests.factories import FinalisedNoteFactory, NoteFactory, stored_file

TURNED_AWAY = "file.turned_away"


def test_added_file_can_be_downloaded(doctor, chart, send):
    answer = send(doctor, b"Bone density: normal")

    assert answer.status_code == 201, answer.content
    added = answer.json()
    assert added == {
        "id": added["id"],
        "patientId": str(chart.pk),
        "sessionId": None,
        "name": "findings.txt",
        "mediaType": "text/plain",
        "size": 20,
        "status": "ready",
        "uploadedById": str(doctor.user.pk),
        "uploadedByName": doctor.user.name,
        "createdAt": added["createdAt"],
        "category": "other",
        "seenById": str(doctor.user.pk),
        "seenByName": doctor.user.name,
        "seenAt": added["seenAt"],
    }
    assert doctor.get(f"{ADDRESS}/{added['id']}").json() == added
    answer = doctor.get(f"{ADDRESS}/{added['id']}/content")
    assert (answer.status_code, answer.getvalue()) == (200, b"Bone density: normal")


def test_upload_and_downloads_are_logged_once(doctor, send, chart):
    added = send(doctor).json()
    doctor.get(f"{ADDRESS}/{added['id']}/content")

    assert logged_events() == [("data.created", "done"), ("file.read", "done")]
    for event in file_events():
        assert event.patients == f'["{chart.pk}"]'
        assert "findings" not in event.details
    assert details("file.read") == [{"file": added["id"]}]


def test_stored_file_is_encrypted(doctor, send, folder):
    send(doctor, b"Bone density: normal" * 10_000)

    (stored,) = [path for path in folder.rglob("*") if path.is_file()]
    assert b"density" not in stored.read_bytes()
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "findings" not in str(stored)


# --- Permissions ------------------------------------------------------------------------------------------------------


def test_file_of_own_note_has_session_id(doctor, send, chart, practice):
    with practice_scope(practice.pk):
        draft = NoteFactory(patient=chart, doctor=doctor.user)
        finalised = FinalisedNoteFactory(patient=chart, doctor=doctor.user)

    for note in (draft, finalised):
        answer = send(doctor, sessionId=str(note.pk))
        assert (answer.status_code, answer.json()["sessionId"]) == (201, str(note.pk))
        assert [one["id"] for one in doctor.get(f"{ADDRESS}?sessionId={note.pk}").json()["attachments"]] == [
            answer.json()["id"]
        ]


def test_empty_session_id_means_none(doctor, send):
    assert send(doctor, sessionId="").json()["sessionId"] is None


@pytest.mark.parametrize(("who", "status"), [("admin", 403), ("doctor", 403), ("staff", 403)])
def test_adding_to_others_finalised_note_is_forbidden(as_role, doctor, send, chart, practice, who, status):
    with practice_scope(practice.pk):
        note = FinalisedNoteFactory(patient=chart, doctor=doctor.user)

    assert send(as_role(who), sessionId=str(note.pk)).status_code == status
    assert rows(practice) == []


def test_adding_to_others_draft_is_404(as_role, doctor, send, chart, practice):
    with practice_scope(practice.pk):
        note = NoteFactory(patient=chart, doctor=doctor.user)

    assert send(as_role("doctor"), sessionId=str(note.pk)).status_code == 404
    assert as_role("doctor").get(f"{ADDRESS}?sessionId={note.pk}").status_code == 404


def test_adding_to_note_of_another_patient_is_refused(doctor, send, practice):
    with practice_scope(practice.pk):
        note = NoteFactory(patient=PatientFactory(), doctor=doctor.user)

    answer = send(doctor, sessionId=str(note.pk))

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["sessionId"])


def test_other_practice_is_404(doctor, send, other_practice, make_user):
    stranger = make_user("doctor", practice=other_practice)
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
        note = NoteFactory(patient=foreign, doctor=stranger)
        file = stored_file(patient=foreign, uploaded_by=stranger)

    assert send(doctor, patientId=str(foreign.pk)).status_code == 404
    assert send(doctor, sessionId=str(note.pk)).status_code == 404
    assert doctor.get(f"{ADDRESS}?patientId={foreign.pk}").status_code == 404
    assert doctor.get(f"{ADDRESS}?sessionId={note.pk}").status_code == 404
    for address in (f"{ADDRESS}/{file.pk}", f"{ADDRESS}/{file.pk}/content"):
        assert doctor.get(address).status_code == 404
    assert doctor.get(f"/api/patients/{foreign.pk}/attachments.zip").status_code == 404


def test_restricted_chart_files_are_forbidden(doctor, send, chart, practice, make_file):
    file = make_file()
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert send(doctor).status_code == 403
    assert doctor.get(f"{ADDRESS}?patientId={chart.pk}").status_code == 403
    assert doctor.get(ADDRESS).json() == {"attachments": [], "total": 0, "page": 1, "limit": 10}
    for address in (f"{ADDRESS}/{file.pk}", f"{ADDRESS}/{file.pk}/content"):
        assert "In an emergency" in doctor.get(address).json()["detail"]
    assert doctor.post(f"{ADDRESS}/{file.pk}/link").status_code == 403
    assert doctor.get(f"/api/patients/{chart.pk}/attachments.zip").status_code == 403
    assert doctor.patch(f"{ADDRESS}/{file.pk}", {"name": "x"}, "application/json").status_code == 403


def test_emergency_access_to_files_is_logged(doctor, send, chart, practice):
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)
        access, _ = break_glass(patient_id=chart.pk, by=doctor.user, reason="Unconscious")

    added = send(doctor)
    assert added.status_code == 201
    assert doctor.get(f"{ADDRESS}/{added.json()['id']}/content").status_code == 200

    assert {"emergency": [str(access.pk)]} in details("data.created")
    assert details("file.read") == [{"file": added.json()["id"], "emergency": [str(access.pk)]}]


def test_chart_restricted_during_upload_refuses_file(doctor, send, practice, monkeypatch):
    def scan(parts):
        with practice_scope(practice.pk):
            Patient.objects.update(restricted=True)
        return integrations.virus_scan.Verdict(clean=True)

    monkeypatch.setattr(services, "scan", scan)

    assert send(doctor).status_code == 403
    assert rows(practice) == stored_names() == []


# --- Uploading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "declared", "reason"),
    [
        (EICAR, "letter.txt", "text/plain", "malware"),
        (b"Bone density", "letter.pdf", "application/pdf", "mismatch"),
        (b"Bone density", "letter.txt", "application/pdf", "mismatch"),
        (b"", "letter.txt", "text/plain", "empty"),
        (b"PK", "letter.docx", "application/vnd.openxmlformats", "docx"),
        (b"<svg/>", "drawing.svg", "image/svg+xml", "svg"),
    ],
    ids=["malware", "content", "declared", "empty", "docx", "svg"],
)
def test_rejected_upload_logs_only_its_reason(doctor, send, practice, chart, content, name, declared, reason):
    answer = send(doctor, content, name=name, declared=declared)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["file"])
    assert rows(practice) == stored_names() == []
    (event,) = file_events()
    assert (event.kind, event.outcome, event.patients) == (TURNED_AWAY, "refused", f'["{chart.pk}"]')
    assert details(TURNED_AWAY) == [{"reason": reason}]


@pytest.mark.parametrize("reason", Reason)
def test_unscanned_upload_is_quarantined(doctor, send, monkeypatch, reason):
    def down(parts):
        raise ScanFailed(reason)

    monkeypatch.setattr(services, "scan", down)

    added = send(doctor)

    assert (added.status_code, added.json()["status"]) == (201, "quarantined")
    address = f"{ADDRESS}/{added.json()['id']}"
    for answer in (doctor.get(f"{address}/content"), doctor.head(f"{address}/content"), doctor.post(f"{address}/link")):
        assert answer.status_code == 409
    assert "virus scan" in doctor.get(f"{address}/content").json()["detail"]
    assert doctor.get(address).json()["status"] == "quarantined"


# --- Failing storage --------------------------------------------------------------------------------------------------


def test_failed_save_leaves_nothing(doctor, send, failing, practice):
    with failing("save"):
        answer = send(doctor)

    assert (answer.status_code, list(answer.json())) == (503, ["detail"])
    assert "space" not in answer.json()["detail"]
    assert rows(practice) == stored_names() == []
    assert logged_events() == []


def test_failed_save_and_removal_leave_storing_row(doctor, send, failing, practice, chart):
    with failing("save", "delete"):
        assert send(doctor).status_code == 503

    (row,) = rows(practice)
    assert (row.state, [row.storage_name]) == ("storing", stored_names())
    assert doctor.get(f"{ADDRESS}?patientId={chart.pk}").json()["attachments"] == []
    assert doctor.get(f"{ADDRESS}/{row.pk}").status_code == 404
    assert doctor.get(f"{ADDRESS}/{row.pk}/content").status_code == 404


def test_upload_discarded_meanwhile_is_not_finished(doctor, send, practice, monkeypatch):
    def save(name, spool, real=storage.save):
        real(name, spool)
        (row,) = rows(practice)
        with practice_scope(practice.pk):
            assert storage.discard(row.pk)  # as reconcile_files does, hours later

    monkeypatch.setattr(storage, "save", save)

    assert send(doctor).status_code == 503
    assert rows(practice) == stored_names() == logged_events() == []


def test_ready_file_is_not_discarded(doctor, send, practice):
    send(doctor)
    (row,) = rows(practice)

    with practice_scope(practice.pk):
        assert not storage.discard(row.pk)
    assert stored_names() == [row.storage_name]


def test_upload_without_audit_event_leaves_nothing(doctor, send, practice, monkeypatch):
    def down(*args, **kwargs):
        raise services.log.AuditLogUnavailable

    monkeypatch.setattr(services.log, "record_change", down)

    assert send(doctor).status_code == 503
    assert rows(practice) == stored_names() == []


# --- Lists ------------------------------------------------------------------------------------------------------------


def test_list_is_paged_newest_first_with_quota(doctor, chart, make_file, settings, practice):
    files = [make_file(content=b"x" * size) for size in (1, 20, 300)]
    with practice_scope(practice.pk):
        stored_file(patient=PatientFactory(), uploaded_by=doctor.user)

    answer = doctor.get(f"{ADDRESS}?patientId={chart.pk}&limit=2").json()

    assert [one["id"] for one in answer["attachments"]] == [str(file.pk) for file in reversed(files)][:2]
    assert (answer["total"], answer["usedBytes"], answer["roomBytes"]) == (3, 321, settings.PATIENT_FILES_BYTES)
    assert [
        one["id"] for one in doctor.get(f"{ADDRESS}?patientId={chart.pk}&limit=2&page=2").json()["attachments"]
    ] == [str(files[0].pk)]
    assert doctor.get(ADDRESS).json()["total"] == 4
    assert "usedBytes" not in doctor.get(ADDRESS).json()


def test_patient_does_not_see_quota(as_role, doctor, practice):
    patient = as_role("patient")
    with practice_scope(practice.pk):
        chart = PatientFactory(user=patient.user)
        stored_file(patient=chart, uploaded_by=doctor.user, note=NoteFactory(patient=chart, doctor=doctor.user))

    answer = patient.get(f"{ADDRESS}?patientId={chart.pk}").json()

    assert (answer["total"], {"usedBytes", "roomBytes"} & answer.keys()) == (0, set())


def test_patient_sees_only_own_files(as_role, doctor, practice, make_file):
    patient = as_role("patient")
    foreign = make_file()
    with practice_scope(practice.pk):
        own = stored_file(patient=PatientFactory(user=patient.user), uploaded_by=doctor.user)

    assert [one["id"] for one in patient.get(ADDRESS).json()["attachments"]] == [str(own.pk)]
    assert patient.get(f"{ADDRESS}/{own.pk}/content").status_code == 200
    assert patient.get(f"{ADDRESS}/{foreign.pk}/content").status_code == 404
    assert patient.patch(f"{ADDRESS}/{own.pk}", {"name": "mine"}, "application/json").status_code == 403


def test_list_query_count_is_constant(doctor, chart, make_file):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert doctor.get(f"{ADDRESS}?patientId={chart.pk}").status_code == 200
        return len(captured)

    make_file()
    doctor.get(ADDRESS)
    one = queries()
    for _ in range(3):
        make_file()

    assert queries() == one <= 7  # one of them for the room


@pytest.mark.parametrize("query", ["patientId=x", "sessionId=1", "page=0", "limit=-1"])
def test_list_invalid_query_is_refused(doctor, query):
    assert doctor.get(f"{ADDRESS}?{query}").status_code == 400


# --- Renaming ---------------------------------------------------------------------------------------------------------


def rename(client, file, name):
    return client.patch(f"{ADDRESS}/{file.pk}", {"name": name}, content_type="application/json")


@pytest.mark.parametrize("name", ["knee", "knee.txt", "knee.TXT", "  knee  "])
def test_rename_keeps_extension(doctor, make_file, name):
    file = make_file()

    answer = rename(doctor, file, name)

    assert (answer.status_code, answer.json()["name"]) == (200, "knee.txt")
    assert doctor.get(f"{ADDRESS}/{file.pk}").json()["name"] == "knee.txt"
    assert details("data.changed") == [{"fields": ["name"]}]


def test_rename_cannot_change_type(doctor, make_file):
    assert rename(doctor, make_file(), "knee.html").json()["name"] == "knee.html.txt"


@pytest.mark.parametrize("name", ["", "   ", "/", "..", "\u202e", 5, None, ["x"], "x" * 201])
def test_rename_invalid_name_is_refused(doctor, make_file, name):
    file = make_file()

    assert rename(doctor, file, name).status_code == 400
    assert doctor.get(f"{ADDRESS}/{file.pk}").json()["name"] == "findings.txt"


def test_rename_only_by_uploader_or_admin(as_role, doctor, make_file):
    file = make_file()

    assert rename(as_role("doctor"), file, "a").status_code == 403
    assert rename(as_role("staff"), file, "b").status_code == 403
    assert rename(as_role("admin"), file, "c").status_code == 200
    assert rename(doctor, file, "d").status_code == 200


def test_rename_to_same_name_is_no_change(doctor, make_file):
    file = make_file()

    assert rename(doctor, file, "findings").status_code == 200
    assert details("data.changed") == [{}]  # the view's own event, without changed fields
    with practice_scope(file.practice_id):
        assert Attachment.objects.get(pk=file.pk).updated_at == file.updated_at
