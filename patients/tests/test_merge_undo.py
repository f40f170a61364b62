"""Undoing a merge of two charts: what goes back, what stays, and what has to come before."""

from datetime import timedelta

import orjson
from django.conf import settings
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.deletion import services as deletions
from patients.models import ChartMerge, LegalHold
from patients.tests.factories import PatientFactory
from patients.tests.test_merging import counts, doctor, known, logged, merge, now, says, twice, undo
from records.models import MedicalRecord
from records.tests.factories import MedicalRecordFactory

__all__ = ["doctor", "known", "twice"]


# --- Undo


def test_undo_puts_everything_back(as_role, known, twice):
    before = says(known), says(twice.patient), counts(known), counts(twice.patient)
    merge(as_role("staff"), known, twice.patient, keep={"name": "from"})

    answer = undo(as_role("admin"), known, twice.patient)

    assert answer.status_code == 200, answer.json()
    assert (answer.json()["patientId"], answer.json()["from"]) == (str(known.pk), str(twice.patient.pk))
    with practice_scope(known.practice_id):
        kept = LegalHold.objects.get(patient=known)  # it kept both while they were one, and may have to go on
        assert kept.reason == "Order of the court"
        kept.delete()
    assert (says(known), says(twice.patient), counts(known), counts(twice.patient)) == before
    (event,) = logged("chart.merge_undone")
    assert orjson.loads(event.patients) == [str(known.pk), str(twice.patient.pk)]
    assert orjson.loads(event.details)["fields"] == ["name", "email", "allergies"]
    again = undo(as_role("admin"), known, twice.patient)
    assert (again.status_code, again.json()) == (404, {"detail": "These charts are not merged."})
    assert merge(as_role("staff"), twice.patient, known).status_code == 200  # the other way round, after all


def test_undo_keeps_what_was_changed_and_added_since(as_role, known, twice, doctor):
    staff, admin = as_role("staff"), as_role("admin")
    merge(staff, known, twice.patient)
    version = staff.get(f"/api/patients/{known.pk}").json()["version"]
    change = {"email": "new@example.org", "version": version}
    assert staff.patch(f"/api/patients/{known.pk}", change, "application/json").status_code == 200
    with practice_scope(known.practice_id):
        added = AppointmentFactory(patient=known, doctor=doctor)
        moved = MedicalRecord.objects.get(pk=twice.record.pk)
        deletions.delete(by=admin.user, row=moved, reason="By mistake")

    assert undo(admin, known, twice.patient).status_code == 200

    assert (now(known).email, now(known).allergies) == ("new@example.org", "Latex")
    with practice_scope(known.practice_id):
        assert Appointment.objects.get(pk=added.pk).patient_id == known.pk
        record = MedicalRecord.with_deleted.get(pk=twice.record.pk)
        assert record.patient_id == record.deletion.patient_id == twice.patient.pk
        assert deletions.restore(by=admin.user, model=MedicalRecord, pk=record.pk)


def test_what_was_added_to_what_would_go_back_keeps_a_merge(as_role, known, twice, doctor):
    merge(as_role("staff"), known, twice.patient)
    with practice_scope(known.practice_id):
        added = MedicalRecordFactory(patient=known, doctor=doctor, appointment=twice.appointment)

    answer = undo(as_role("admin"), known, twice.patient)

    sentence = "Since the merge, medical records were added that belong to what came from the other chart."
    assert (answer.status_code, answer.json()) == (409, {"detail": sentence})
    assert now(twice.patient).status == "merged"
    with practice_scope(known.practice_id):
        assert MedicalRecord.objects.get(pk=added.pk).patient_id == known.pk
        assert Appointment.objects.get(pk=twice.appointment.pk).patient_id == known.pk


def test_later_merge_hold_or_purge_comes_before_an_undo(as_role, known, twice, doctor, scope):
    staff, admin, third = as_role("staff"), as_role("admin"), PatientFactory(name="Ada L")
    fourth = PatientFactory(name="A. Lovelace")
    for into, source in ((known, twice.patient), (known, third), (fourth, known)):
        assert merge(staff, into, source).status_code == 200

    answer = undo(admin, known, third)
    assert (answer.status_code, answer.json()["mergedInto"]) == (404, str(fourth.pk))
    assert undo(admin, fourth, known).status_code == 200
    assert now(third).merged_into_id == known.pk
    assert undo(admin, known, twice.patient).status_code == 409
    assert undo(admin, known, third).status_code == 200
    LegalHold.objects.all().delete()
    deletions.place_hold(by=admin.user, patient_id=known.pk, reason="Order of the court")
    assert undo(admin, known, twice.patient).status_code == 409
    deletions.lift_hold(by=admin.user, patient_id=known.pk)
    assert undo(admin, known, twice.patient).status_code == 200


def test_merge_can_be_undone_for_thirty_days(as_role, known, twice, scope):
    merge(as_role("staff"), known, twice.patient)
    ChartMerge.objects.update(created_at=timezone.now() - timedelta(days=settings.RESTORE_DAYS))

    answer = undo(as_role("admin"), known, twice.patient)

    assert answer.status_code == 410
    assert answer.json()["detail"].startswith("This merge could be undone until ")
    assert now(twice.patient).status == "merged"


def test_undo_across_practices_is_not_found(as_role, other_practice, known, twice, make_user, client_of):
    merge(as_role("staff"), known, twice.patient)

    answer = undo(client_of(make_user("admin", practice=other_practice)), known, twice.patient)

    assert (answer.status_code, now(twice.patient).status) == (404, "merged")
