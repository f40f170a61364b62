"""Who may delete and restore what in the clinical record, over HTTP."""

from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from django.utils import timezone

from core.tenancy.scope import practice_scope
from patients.models import Deletion, Patient
from patients.tests.chart_with_all import chart_with_all, file_of
from records.models import Attachment, MedicalRecord, RecordVersion, SessionNote
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory
from tests.damage import lose_key

REASON = {"reason": "Written into the wrong chart"}
PATHS = {
    "record": "/api/records/",
    "session": "/api/sessions/",
    "draft": "/api/sessions/",
    "plan": "/api/plans/",
    "attachment": "/api/attachments/",
}


@pytest.fixture
def people(as_role):
    """Clients by their relation to the rows of `made`."""
    return {"author": as_role("doctor"), **{role: as_role(role) for role in ("admin", "doctor", "staff", "billing")}}


@pytest.fixture
def made(practice, people):
    with practice_scope(practice.pk):
        return chart_with_all(people["author"].user, name="Ada Lovelace")


def delete(client, path):
    return client.delete(path, orjson.dumps(REASON), content_type="application/json").status_code


def restore(client, path):
    return client.post(f"{path}/restore").status_code


def path_of(made, name):
    return f"{PATHS[name]}{getattr(made, name).pk}"


# what each is answered who tries to delete it: its author, an office manager, another doctor, the desk, billing
MAY_DELETE = {
    "record": {"author": 403, "admin": 200, "doctor": 403, "staff": 403, "billing": 403},
    "session": {"author": 403, "admin": 200, "doctor": 403, "staff": 403, "billing": 403},
    "draft": {"author": 200, "admin": 404, "doctor": 404, "staff": 403, "billing": 403},
    "plan": {"author": 200, "admin": 200, "doctor": 403, "staff": 403, "billing": 403},
    "attachment": {"author": 200, "admin": 200, "doctor": 403, "staff": 403, "billing": 403},
}
TRIES = [(name, who) for name, answers in MAY_DELETE.items() for who in answers]


@pytest.mark.parametrize(("name", "who"), TRIES)
def test_delete_permissions(people, made, name, who):
    answer = MAY_DELETE[name][who]

    assert delete(people[who], path_of(made, name)) == answer

    assert people["author"].get(path_of(made, name)).status_code == (404 if answer == 200 else 200)


@pytest.mark.parametrize("name", MAY_DELETE)
def test_restore_only_by_deleter_or_manager(people, made, name):
    by = "author" if MAY_DELETE[name]["author"] == 200 else "admin"
    path = path_of(made, name)
    assert delete(people[by], path) == 200

    assert restore(people["billing"], path) == 403
    assert restore(people["doctor"], path) in (403, 404)  # another doctor's deletions are nothing to them
    assert restore(people[by], path) == 200
    assert people["author"].get(path).status_code == 200
    assert restore(people[by], path) == 409
    delete(people[by], path)
    assert restore(people["admin"], path) == 200


def test_author_cannot_restore_after_manager_deleted(people, made):
    delete(people["admin"], path_of(made, "plan"))

    assert restore(people["author"], path_of(made, "plan")) == 404


def test_shared_draft_is_deleted_only_by_author(people, made, practice):
    practice.doctors_see_drafts = True
    with practice_scope(practice.pk):
        practice.save()

    assert people["doctor"].get(path_of(made, "draft")).status_code == 200
    assert delete(people["doctor"], path_of(made, "draft")) == 403


def test_restoring_does_not_reveal_drafts(people, made):
    unknown = people["admin"].post(f"/api/sessions/{uuid4()}/restore").json()

    assert people["admin"].post(f"{path_of(made, 'draft')}/restore").json() == unknown


@pytest.mark.parametrize("name", MAY_DELETE)
def test_delete_in_closed_chart_is_forbidden(people, made, practice, name):
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    for who in ("author", "admin", "doctor"):
        assert delete(people[who], path_of(made, name)) == 403
    with practice_scope(practice.pk):
        Patient.objects.update(primary_doctor=people["author"].user)
    assert delete(people["author"], path_of(made, name)) == MAY_DELETE[name]["author"]


def test_restore_in_restricted_chart_only_by_its_doctor(people, made, practice):
    delete(people["author"], path_of(made, "plan"))
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert restore(people["author"], path_of(made, "plan")) == 403
    assert restore(people["admin"], path_of(made, "plan")) == 403
    with practice_scope(practice.pk):
        Patient.objects.update(primary_doctor=people["author"].user)
    assert restore(people["author"], path_of(made, "plan")) == 200


def named_by_a_note(made, practice, **fields):
    with practice_scope(practice.pk):
        note = FinalisedNoteFactory(patient=made.patient, doctor=made.plan.doctor)
        Attachment.objects.update(note=note)


def named_by_a_record(made, practice):
    with practice_scope(practice.pk):
        named = ["the X-ray of May", str(made.attachment.pk).upper()]
        MedicalRecordFactory(patient=made.patient, doctor=made.plan.doctor, attachments=named)


def named_by_an_earlier_version_of_a_record(made, practice):
    with practice_scope(practice.pk):
        content = {"attachments": [str(made.attachment.pk)]}
        RecordVersion.objects.create(record=made.record, number=1, author=made.plan.doctor, content=content)


def perhaps_named_by_a_record_that_nobody_can_read(made, practice):
    lose_key(made.record, "attachments")


@pytest.mark.parametrize(
    "naming",
    [
        named_by_a_note,
        named_by_a_record,
        named_by_an_earlier_version_of_a_record,
        perhaps_named_by_a_record_that_nobody_can_read,
    ],
)
def test_referenced_file_is_deleted_only_by_manager(people, made, practice, naming):
    naming(made, practice)

    assert delete(people["author"], path_of(made, "attachment")) == 403
    assert delete(people["admin"], path_of(made, "attachment")) == 200


def test_draft_file_is_deleted_by_uploader(people, made, practice):
    with practice_scope(practice.pk):
        Attachment.objects.update(note=made.draft)

    assert delete(people["author"], path_of(made, "attachment")) == 200


def test_staff_delete_own_files(people, made, practice):
    with practice_scope(practice.pk):
        own = file_of(made.patient, people["staff"].user)

    assert delete(people["staff"], f"/api/attachments/{own.pk}") == 200
    assert restore(people["staff"], f"/api/attachments/{own.pk}") == 200


@pytest.mark.parametrize("model", [SessionNote, MedicalRecord])
def test_entry_is_restored_after_its_appointment(people, made, practice, model):
    admin, author = people["admin"], people["author"].user
    appointment = f"/api/appointments/{made.appointment.pk}"
    factory = FinalisedNoteFactory if model is SessionNote else MedicalRecordFactory
    with practice_scope(practice.pk):
        row = factory(patient=made.patient, doctor=author, appointment=made.appointment)
    path = f"/api/{'sessions' if model is SessionNote else 'records'}/{row.pk}"
    assert delete(admin, path) == 200
    assert delete(admin, appointment) == 200

    answer = admin.post(f"{path}/restore")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Its appointment has been deleted. Restore the appointment first.",
    )

    assert restore(admin, appointment) == 200
    with practice_scope(practice.pk):
        factory(patient=made.patient, doctor=author, appointment=made.appointment)
    answer = admin.post(f"{path}/restore")
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("Its appointment now has another ")


@pytest.mark.parametrize("name", MAY_DELETE)
def test_restore_after_thirty_days_is_410(people, made, practice, name):
    by = people["author" if MAY_DELETE[name]["author"] == 200 else "admin"]
    delete(by, path_of(made, name))
    with practice_scope(practice.pk):
        Deletion.objects.update(created_at=timezone.now() - timedelta(days=30))

    assert restore(by, path_of(made, name)) == 410


@pytest.mark.parametrize("name", MAY_DELETE)
def test_delete_response_has_retention_date(people, made, name):
    by = people["author" if MAY_DELETE[name]["author"] == 200 else "admin"]

    answer = by.delete(path_of(made, name), orjson.dumps(REASON), content_type="application/json").json()

    assert (answer["keptUntil"] is None) == (name == "draft")
    (row,) = people["admin"].get("/api/deleted").json()["deleted"]
    assert row["keptUntil"] == answer["keptUntil"]
    assert row["kind"] == ("session" if name == "draft" else name)


def test_doctor_of_another_practice_cannot_delete(people, made, practice):
    author = people["author"].user
    with practice_scope(practice.pk):
        author.role = "billing"
        author.save()

    assert delete(people["author"], path_of(made, "draft")) == 403


def test_deleted_draft_frees_its_appointment(people, made, practice):
    with practice_scope(practice.pk):
        draft = NoteFactory(patient=made.patient, doctor=people["author"].user, appointment=made.appointment)
    delete(people["author"], f"/api/sessions/{draft.pk}")

    body = {"patientId": str(made.patient.pk), "appointmentId": str(made.appointment.pk), "plan": "Rest"}
    assert people["author"].post("/api/sessions", body, "application/json").status_code == 201
