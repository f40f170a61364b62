"""Amending medical records with a reason, keeping every version; and the files they refer to."""

from uuid import uuid4

import orjson
import pytest

from accounts.tests.factories import UserFactory
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import Attachment, MedicalRecord, RecordVersion
from records.tests.factories import MedicalRecordFactory, stored_file

JSON = "application/json"
TEXTS = {"diagnosis": "Lumbar strain", "prescription": "Ibuprofen 400 mg", "notes": "Better with rest"}
NO_FILE = ["This is not one of the patient's files."]


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory()


@pytest.fixture
def doctor(as_role):
    return as_role("doctor")


@pytest.fixture
def record(practice, chart, doctor):
    with practice_scope(practice.pk):
        return MedicalRecordFactory(patient=chart, doctor=doctor.user)


@pytest.fixture
def file_of(practice, doctor):
    def make(chart, **fields):
        with practice_scope(chart.practice_id):
            return str(stored_file(patient=chart, uploaded_by=doctor.user, **fields).pk)

    return make


def at(record, way=""):
    return f"/api/records/{record.pk}{way}"


def amend(client, record, version=1, **fields):
    return client.post(at(record, "/amendments"), {"version": version, "reason": "Left out", **fields}, JSON)


def write(client, chart, **fields):
    return client.post("/api/records", {"patientId": str(chart.pk), **TEXTS, **fields}, JSON)


def test_record_has_version(doctor, record):
    (listed,) = doctor.get("/api/records").json()["records"]

    answer = doctor.get(at(record))

    assert answer.json() == {**listed, "version": 1, "amendedAt": None}
    assert (answer["ETag"], set(listed) & {"version", "amendedAt"}) == ('"1"', set())


def test_unamended_record_is_its_first_version(doctor, record):
    (only,) = doctor.get(at(record, "/versions")).json()["versions"]
    first = doctor.get(at(record, "/versions/1")).json()

    assert (only["number"], only["authorId"], only["reason"], only["changed"]) == (1, str(doctor.user.pk), "", [])
    assert only["createdAt"] == doctor.get(at(record)).json()["date"]
    assert first["content"] == {**TEXTS, "attachments": []}
    assert doctor.get(at(record, "/versions/2")).status_code == 404
    assert doctor.get(at(record, "/versions/1?against=2")).status_code == 404
    with practice_scope(record.practice_id):
        assert not RecordVersion.objects.exists()


def test_first_amendment_keeps_both_versions(doctor, record, as_role):
    answer = amend(doctor, record, notes="Worse with rest", prescription="")

    assert answer.status_code == 200
    assert (answer.json()["notes"], answer.json()["version"], answer["ETag"]) == ("Worse with rest", 2, '"2"')
    assert answer.json()["amendedAt"] is not None
    staff = as_role("staff")
    versions = staff.get(at(record, "/versions")).json()["versions"]
    assert [(one["number"], one["reason"], one["changed"]) for one in versions] == [
        (1, "", []),
        (2, "Left out", ["prescription", "notes"]),
    ]
    assert versions[0]["createdAt"] == answer.json()["date"]
    assert staff.get(at(record, "/versions/1")).json()["content"] == {**TEXTS, "attachments": []}
    assert staff.get(at(record, "/versions/2")).json()["changes"] == {
        "prescription": {"before": TEXTS["prescription"], "after": ""},
        "notes": {"before": TEXTS["notes"], "after": "Worse with rest"},
    }
    with practice_scope(record.practice_id):
        assert MedicalRecord.objects.get().has_prescription is False


def test_each_amendment_adds_one_version(doctor, record):
    for number in range(1, 4):
        assert amend(doctor, record, version=number, notes=f"Visit {number}").status_code == 200
    assert doctor.get(at(record, "/versions")).json()["total"] == 4


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"notes": TEXTS["notes"]}, 400),
        ({"diagnosis": ""}, 400),
        ({"diagnosis": "d" * 10_001}, 400),
        ({"notes": None}, 400),
        ({"attachments": "x-ray.png"}, 400),
        ({"notes": "x", "reason": " "}, 400),
        ({"notes": "x", "version": 2}, 409),
        ({"notes": "x", "version": "two"}, 400),
    ],
)
def test_refused_amendment_changes_nothing(doctor, record, fields, status):
    before = doctor.get(at(record)).json()

    answer = amend(doctor, record, **fields)

    assert answer.status_code == status
    assert doctor.get(at(record)).json() == before
    if status == 409:
        assert answer.json()["current"] == before
    with practice_scope(record.practice_id):
        assert not RecordVersion.objects.exists()


def test_record_amended_only_by_author_with_access(doctor, record, as_role, chart):
    colleague = as_role("doctor")
    assert amend(colleague, record, notes="x").status_code == 403
    for role in ("admin", "staff", "patient", "billing"):
        assert amend(as_role(role), record, notes="x").status_code == 403
    with practice_scope(chart.practice_id):
        Patient.objects.update(restricted=True)
    for path in ("", "/versions", "/versions/1"):
        answer = doctor.get(at(record, path))
        assert (answer.status_code, "In an emergency" in answer.json()["detail"]) == (403, True)
    assert amend(doctor, record, notes="x").status_code == 403


def test_other_practice_record_is_404(as_role, other_practice, make_user):
    with practice_scope(other_practice.pk):
        foreign = MedicalRecordFactory(patient=PatientFactory(), doctor=make_user("doctor", practice=other_practice))
    doctor = as_role("doctor")
    for answer in (
        doctor.get(at(foreign)),
        doctor.get(at(foreign, "/versions")),
        doctor.get(at(foreign, "/versions/1")),
        amend(doctor, foreign, notes="x"),
    ):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Medical record not found."})


def test_patient_reads_own_record_versions(as_role, practice, doctor):
    patient, stranger = as_role("patient"), as_role("patient")
    with practice_scope(practice.pk):
        record = MedicalRecordFactory(patient=PatientFactory(user=patient.user), doctor=doctor.user)
    for path in ("", "/versions", "/versions/1"):
        assert patient.get(at(record, path)).status_code == 200
        assert stranger.get(at(record, path)).status_code == 404


# --- The files that a record names


def test_attachment_ids_must_be_patients_files(doctor, chart, file_of):
    own = [file_of(chart), "x-ray 2026-11-20.png", file_of(chart, state="quarantined").upper(), "1" * 31]

    answer = write(doctor, chart, attachments=own)

    assert (answer.status_code, answer.json()["attachments"]) == (201, own)


@pytest.mark.parametrize("state", ["infected", "lost", "storing"])
def test_unavailable_file_is_refused(doctor, chart, file_of, state):
    answer = write(doctor, chart, attachments=["x-ray.png", file_of(chart, state=state)])

    assert (answer.status_code, answer.json()["errors"]) == (400, {"attachments.1": NO_FILE})


def test_foreign_or_unknown_file_is_refused(doctor, chart, file_of, practice, other_practice, record):
    with practice_scope(practice.pk):
        neighbour = PatientFactory()
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    for named in (file_of(neighbour), str(uuid4())):
        for answer in (
            write(doctor, chart, attachments=[named]),
            amend(doctor, record, attachments=["a", "b", named]),
        ):
            assert answer.status_code == 400
            assert list(answer.json()["errors"].values()) == [NO_FILE]
    with practice_scope(other_practice.pk):
        stranger = str(stored_file(patient=foreign, uploaded_by=UserFactory(role="doctor")).pk)
    assert write(doctor, chart, attachments=[stranger]).json()["errors"] == {"attachments.0": NO_FILE}


@pytest.mark.parametrize("written", ["{}", "{{{}}}", "urn:uuid:{}", "URN:UUID:{{{}}}"])
@pytest.mark.parametrize("hyphens", ["-", ""])
def test_attachment_id_notations(doctor, as_role, chart, file_of, practice, written, hyphens):
    with practice_scope(practice.pk):
        neighbours = file_of(PatientFactory())
    own = file_of(chart)

    def spelt(pk):
        return written.format(pk.replace("-", hyphens))

    assert write(doctor, chart, attachments=[spelt(neighbours)]).json()["errors"] == {"attachments.0": NO_FILE}
    made = write(doctor, chart, attachments=[spelt(own)]).json()
    assert made["attachments"] == [spelt(own)]
    deleted = doctor.delete(f"/api/attachments/{own}", orjson.dumps({"reason": "Slip"}), content_type=JSON)
    assert deleted.status_code == 403  # a record names it
    with practice_scope(practice.pk):
        Attachment.objects.filter(pk=own).update(state="infected")
    body = {"version": 1, "reason": "Left out", "attachments": [own.upper(), "x-ray.png"]}
    assert doctor.post(f"/api/records/{made['id']}/amendments", body, JSON).status_code == 200


def test_existing_attachments_stay_accepted(doctor, chart, file_of, practice):
    """A file that is later found infected does not prevent amending the record."""
    own = file_of(chart)
    made = write(doctor, chart, attachments=[own]).json()
    with practice_scope(practice.pk):
        record = MedicalRecord.objects.get(pk=made["id"])
        Attachment.objects.filter(pk=own).update(state="infected")

    answer = amend(doctor, record, attachments=[own, "x-ray.png"])

    assert (answer.status_code, answer.json()["attachments"]) == (200, [own, "x-ray.png"])
