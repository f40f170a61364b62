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
from patients.tests.merging import counts, logged, merge, now, says, undo
from records.models import MedicalRecord
from records.tests.factories import MedicalRecordFactory

# --- Undo


def test_undo_puts_everything_back(as_role, known_chart, second_chart):
    before = says(known_chart), says(second_chart.patient), counts(known_chart), counts(second_chart.patient)
    merge(as_role("staff"), known_chart, second_chart.patient, keep={"name": "from"})

    answer = undo(as_role("admin"), known_chart, second_chart.patient)

    assert answer.status_code == 200, answer.json()
    assert (answer.json()["patientId"], answer.json()["from"]) == (str(known_chart.pk), str(second_chart.patient.pk))
    with practice_scope(known_chart.practice_id):
        kept = LegalHold.objects.get(patient=known_chart)  # it kept both while they were one, and may have to go on
        assert kept.reason == "Order of the court"
        kept.delete()
    assert (says(known_chart), says(second_chart.patient), counts(known_chart), counts(second_chart.patient)) == before
    (event,) = logged("chart.merge_undone")
    assert orjson.loads(event.patients) == [str(known_chart.pk), str(second_chart.patient.pk)]
    assert orjson.loads(event.details)["fields"] == ["name", "email", "allergies"]
    again = undo(as_role("admin"), known_chart, second_chart.patient)
    assert (again.status_code, again.json()) == (404, {"detail": "These charts are not merged."})
    assert (
        merge(as_role("staff"), second_chart.patient, known_chart).status_code == 200
    )  # the other way round, after all


def test_undo_keeps_what_was_changed_and_added_since(as_role, known_chart, second_chart, merging_doctor):
    staff, admin = as_role("staff"), as_role("admin")
    merge(staff, known_chart, second_chart.patient)
    version = staff.get(f"/api/patients/{known_chart.pk}").json()["version"]
    change = {"email": "new@example.org", "version": version}
    assert staff.patch(f"/api/patients/{known_chart.pk}", change, "application/json").status_code == 200
    with practice_scope(known_chart.practice_id):
        added = AppointmentFactory(patient=known_chart, doctor=merging_doctor)
        moved = MedicalRecord.objects.get(pk=second_chart.record.pk)
        deletions.delete(by=admin.user, row=moved, reason="By mistake")

    assert undo(admin, known_chart, second_chart.patient).status_code == 200

    assert (now(known_chart).email, now(known_chart).allergies) == ("new@example.org", "Latex")
    with practice_scope(known_chart.practice_id):
        assert Appointment.objects.get(pk=added.pk).patient_id == known_chart.pk
        record = MedicalRecord.with_deleted.get(pk=second_chart.record.pk)
        assert record.patient_id == record.deletion.patient_id == second_chart.patient.pk
        assert deletions.restore(by=admin.user, model=MedicalRecord, pk=record.pk)


def test_what_was_added_to_what_would_go_back_keeps_a_merge(as_role, known_chart, second_chart, merging_doctor):
    merge(as_role("staff"), known_chart, second_chart.patient)
    with practice_scope(known_chart.practice_id):
        added = MedicalRecordFactory(patient=known_chart, doctor=merging_doctor, appointment=second_chart.appointment)

    answer = undo(as_role("admin"), known_chart, second_chart.patient)

    sentence = "Since the merge, medical records were added that belong to what came from the other chart."
    assert (answer.status_code, answer.json()) == (409, {"detail": sentence})
    assert now(second_chart.patient).status == "merged"
    with practice_scope(known_chart.practice_id):
        assert MedicalRecord.objects.get(pk=added.pk).patient_id == known_chart.pk
        assert Appointment.objects.get(pk=second_chart.appointment.pk).patient_id == known_chart.pk


def test_later_merge_hold_or_purge_comes_before_an_undo(as_role, known_chart, second_chart, merging_doctor, scope):
    staff, admin, third = as_role("staff"), as_role("admin"), PatientFactory(name="Ada L")
    fourth = PatientFactory(name="A. Lovelace")
    for into, source in ((known_chart, second_chart.patient), (known_chart, third), (fourth, known_chart)):
        assert merge(staff, into, source).status_code == 200

    answer = undo(admin, known_chart, third)
    assert (answer.status_code, answer.json()["mergedInto"]) == (404, str(fourth.pk))
    assert undo(admin, fourth, known_chart).status_code == 200
    assert now(third).merged_into_id == known_chart.pk
    assert undo(admin, known_chart, second_chart.patient).status_code == 409
    assert undo(admin, known_chart, third).status_code == 200
    LegalHold.objects.all().delete()
    deletions.place_hold(by=admin.user, patient_id=known_chart.pk, reason="Order of the court")
    assert undo(admin, known_chart, second_chart.patient).status_code == 409
    deletions.lift_hold(by=admin.user, patient_id=known_chart.pk)
    assert undo(admin, known_chart, second_chart.patient).status_code == 200


def test_merge_can_be_undone_for_thirty_days(as_role, known_chart, second_chart, scope):
    merge(as_role("staff"), known_chart, second_chart.patient)
    ChartMerge.objects.update(created_at=timezone.now() - timedelta(days=settings.RESTORE_DAYS))

    answer = undo(as_role("admin"), known_chart, second_chart.patient)

    assert answer.status_code == 410
    assert answer.json()["detail"].startswith("This merge could be undone until ")
    assert now(second_chart.patient).status == "merged"


def test_undo_across_practices_is_not_found(as_role, other_practice, known_chart, second_chart, make_user, client_of):
    merge(as_role("staff"), known_chart, second_chart.patient)

    answer = undo(client_of(make_user("admin", practice=other_practice)), known_chart, second_chart.patient)

    assert (answer.status_code, now(second_chart.patient).status) == (404, "merged")
