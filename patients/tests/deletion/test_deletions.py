"""Deleting and restoring charts and appointments by API, and the list of deletions."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
import pytest

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import soft_deletable_models
from patients.models import Deletion, Patient
from patients.tests.chart_with_all import chart_with_all
from patients.tests.deletion.deleting import MISSING, REASON, age, chart_path, delete, everything, restore
from patients.tests.factories import PatientFactory
from records.models import BodyChart, Measure, MedicalRecord, SessionNote
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory


def test_deleted_chart_says_until_when_it_can_be_had_back_and_is_kept(admin, made):
    answer = delete(admin, chart_path(made.patient))

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"id", "deletedAt", "restorableUntil", "keptUntil", "message"}
    assert body["id"] == str(made.patient.pk)
    deleted_at = datetime.fromisoformat(body["deletedAt"])
    assert datetime.fromisoformat(body["restorableUntil"]) - deleted_at == timedelta(days=30)
    assert datetime.fromisoformat(body["keptUntil"]).year == deleted_at.year + 10
    assert "keeps clinical records for 10 years" in body["message"]


def test_appointment_is_no_clinical_record_and_is_kept_for_no_years(as_role, made):
    body = delete(as_role("staff"), f"/api/appointments/{made.appointment.pk}").json()

    assert body["keptUntil"] is None
    assert body["message"].endswith("and is deleted permanently after that.")


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": None}, {"reason": 5}, {"reason": "x" * 1001}, []]
)
def test_delete_without_reason_is_refused(admin, made, body):
    answer = delete(admin, chart_path(made.patient), body)

    assert answer.status_code == 400
    assert admin.get(chart_path(made.patient)).status_code == 200


def test_reason_of_maximum_length_is_accepted_and_shown_in_full(admin, made):
    assert delete(admin, chart_path(made.patient), {"reason": "ä" * 1000}).status_code == 200

    assert admin.get("/api/deleted").json()["deleted"][0]["reason"] == "ä" * 1000


def test_delete_of_deleted_row_is_not_found(admin, made):
    delete(admin, chart_path(made.patient))

    answer = delete(admin, chart_path(made.patient))

    assert (answer.status_code, answer.json()) == (404, MISSING)


def test_reason_is_in_no_trail_no_log_and_no_column_as_it_was_written(admin, made, practice, caplog):
    delete(admin, chart_path(made.patient))
    restore(admin, chart_path(made.patient))

    events = whole_trail().filter(kind__in=["data.soft_deleted", "data.restored"])
    assert [event.kind for event in events.order_by("id")] == ["data.soft_deleted", "data.restored"]
    for event in events:
        assert (event.about, event.about_id) == ("patients.Patient", made.patient.pk)
        assert orjson.loads(event.patients) == [str(made.patient.pk)]
        assert orjson.loads(event.details)["rows"] == {
            "patients.Patient": 1,
            "appointments.Appointment": 1,
            "records.MedicalRecord": 1,
            "records.SessionNote": 2,
            "records.PlanOfCare": 1,
            "records.BodyChart": 1,
            "records.ChartEntry": 1,
            "records.Measure": 1,
            "records.PatientForm": 1,
            "records.Attachment": 1,
        }
        assert "twice" not in event.details and "Ada" not in event.details
    assert "twice" not in caplog.text


def test_restoring_brings_back_exactly_what_was_hidden_and_nothing_that_was_deleted_before(admin, made, practice):
    assert delete(admin, f"/api/appointments/{made.appointment.pk}").status_code == 200
    before = everything(practice)
    delete(admin, chart_path(made.patient))
    assert not any(everything(practice).values())

    answer = restore(admin, chart_path(made.patient))

    assert answer.status_code == 200
    assert answer.json()["id"] == str(made.patient.pk)
    assert everything(practice) == before
    with practice_scope(practice.pk):
        assert [deletion.about for deletion in Deletion.objects.all()] == ["appointments.Appointment"]
    assert restore(admin, f"/api/appointments/{made.appointment.pk}").status_code == 200


def test_deleted_chart_frees_what_is_still_to_come_of_the_calendar(admin, practice, doctor, made):
    with practice_scope(practice.pk):
        past = AppointmentFactory(
            patient=made.patient,
            doctor=doctor,
            starts_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
            ends_at=datetime(2026, 1, 5, 10, tzinfo=UTC),
        )

    delete(admin, chart_path(made.patient))
    restore(admin, chart_path(made.patient))

    with practice_scope(practice.pk):
        assert Appointment.objects.get(pk=made.appointment.pk).status == "cancelled"
        assert Appointment.objects.get(pk=past.pk).status == "scheduled"


def test_other_charts_are_unchanged(admin, practice, doctor, made):
    with practice_scope(practice.pk):
        other = chart_with_all(doctor)
    before = everything(practice)

    delete(admin, chart_path(made.patient))

    others = {
        label: [row for row in rows if other.patient.pk in (row.get("patient_id"), row["id"])]
        for label, rows in before.items()
    }
    assert everything(practice) == others
    assert all(others.values())


@pytest.mark.parametrize("role", ["doctor", "staff", "billing", "patient"])
def test_nobody_but_the_office_manager_deletes_a_chart(as_role, made, role):
    assert delete(as_role(role), chart_path(made.patient)).status_code == 403


def test_restricted_chart_is_deleted_by_nobody_to_whom_it_is_closed(admin, as_role, practice, made):
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    assert delete(admin, chart_path(made.patient)).status_code == 403
    assert delete(as_role("staff"), f"/api/appointments/{made.appointment.pk}").status_code == 403
    admin.post(f"{chart_path(made.patient)}/emergency-access", {"reason": "Unconscious"}, "application/json")
    answer = delete(admin, chart_path(made.patient))
    assert answer.status_code == 403
    assert "Emergency access is not enough for this" in answer.json()["detail"]


def test_restricted_chart_of_ones_own_comes_back_too(client_of, make_user, practice):
    owner = make_user("admin")
    with practice_scope(practice.pk):
        chart = PatientFactory(user=owner, restricted=True)
    client = client_of(owner)

    assert delete(client, chart_path(chart)).status_code == 200
    assert restore(client, chart_path(chart)).status_code == 200


def test_another_practices_chart_does_not_exist(admin, other_practice, make_user):
    with practice_scope(other_practice.pk):
        foreign = chart_with_all(make_user("doctor", practice=other_practice))
    delete_hold = f"{chart_path(foreign.patient)}/legal-hold"

    for answer in (
        delete(admin, chart_path(foreign.patient)),
        restore(admin, chart_path(foreign.patient)),
        delete(admin, f"/api/appointments/{foreign.appointment.pk}"),
        restore(admin, f"/api/appointments/{foreign.appointment.pk}"),
        admin.post(delete_hold, REASON, "application/json"),
        admin.delete(delete_hold),
        admin.get("/api/deleted", {"patientId": str(foreign.patient.pk)}),
    ):
        assert answer.status_code == 404


# --- Restoring: until when, by whom, and what stands against it


def test_restore_after_thirty_days_answers_gone(admin, practice, made):
    delete(admin, chart_path(made.patient))
    age(practice, 29.99)
    assert restore(admin, chart_path(made.patient)).status_code == 200
    delete(admin, chart_path(made.patient))
    age(practice, 30)

    answer = restore(admin, chart_path(made.patient))

    assert answer.status_code == 410
    assert answer.json()["detail"].startswith("It could be restored until ")


def test_restore_of_undeleted_row_is_a_conflict(admin, made):
    assert restore(admin, chart_path(made.patient)).status_code == 409
    assert restore(admin, f"/api/appointments/{made.appointment.pk}").status_code == 409
    assert restore(admin, f"/api/patients/{uuid4()}").status_code == 404


def test_row_of_a_deleted_chart_is_restored_only_with_the_chart(admin, made):
    appointment = f"/api/appointments/{made.appointment.pk}"
    delete(admin, chart_path(made.patient))

    answer = restore(admin, appointment)

    assert (answer.status_code, answer.json()) == (409, {"detail": "Its chart is deleted: restore the chart."})


def test_row_deleted_before_its_chart_is_purged_with_the_chart(admin, made):
    appointment = f"/api/appointments/{made.appointment.pk}"
    delete(admin, appointment)
    delete(admin, chart_path(made.patient))

    assert restore(admin, appointment).status_code == 409
    assert restore(admin, chart_path(made.patient)).status_code == 200
    assert restore(admin, appointment).status_code == 200


def test_appointment_whose_slot_was_taken_meanwhile_does_not_come_back(as_role, practice, made, doctor):
    staff, path = as_role("staff"), f"/api/appointments/{made.appointment.pk}"
    delete(staff, path)
    booking = {
        "patientId": str(made.patient.pk), "doctorId": str(doctor.pk), "reason": "Pain",
        "date": made.appointment.starts_at.isoformat(),
    }  # fmt: skip
    taken = staff.post("/api/appointments", booking, "application/json")
    assert taken.status_code == 201

    answer = restore(staff, path)

    assert (answer.status_code, answer.json()) == (409, {"detail": "The doctor has another appointment at this time."})
    assert delete(staff, f"/api/appointments/{taken.json()['id']}").status_code == 200
    assert restore(staff, path).status_code == 200


@pytest.mark.parametrize(
    ("factory", "named"), [(FinalisedNoteFactory, "session note"), (MedicalRecordFactory, "medical record")]
)
def test_appointment_of_which_something_is_written_is_cancelled_instead(
    as_role, practice, made, doctor, factory, named
):
    staff, path = as_role("staff"), f"/api/appointments/{made.appointment.pk}"
    with practice_scope(practice.pk):
        factory(patient=made.patient, doctor=doctor, appointment=made.appointment)

    answer = delete(staff, path)

    assert answer.status_code == 409
    assert answer.json()["detail"] == f"This appointment has a {named}: cancel it instead."


# --- The list


def test_list_shows_who_deleted_what_when_and_why(admin, as_role, practice, made):
    staff = as_role("staff", name="Sam Staff")
    delete(staff, f"/api/appointments/{made.appointment.pk}", {"reason": "Wrong day"})
    with practice_scope(practice.pk):
        other = PatientFactory(name="Grace Hopper")
    delete(admin, chart_path(other))

    answer = admin.get("/api/deleted").json()

    assert (answer["total"], answer["page"], answer["limit"]) == (2, 1, 10)
    chart, appointment = answer["deleted"]
    assert (chart["kind"], chart["id"], chart["patientName"]) == ("patient", str(other.pk), "Grace Hopper")
    assert chart["keptUntil"] is not None
    assert appointment == {
        "kind": "appointment",
        "id": str(made.appointment.pk),
        "patientId": str(made.patient.pk),
        "patientName": "Ada Lovelace",
        "deletedAt": appointment["deletedAt"],
        "deletedById": str(staff.user.pk),
        "deletedByName": "Sam Staff",
        "reason": "Wrong day",
        "restorableUntil": appointment["restorableUntil"],
        "keptUntil": None,
        "legalHold": False,
    }
    assert [row["kind"] for row in admin.get("/api/deleted", {"kind": "patient"}).json()["deleted"]] == ["patient"]
    of_ada = admin.get("/api/deleted", {"patientId": str(made.patient.pk)}).json()
    assert [row["kind"] for row in of_ada["deleted"]] == ["appointment"]
    assert admin.get("/api/deleted", {"kind": "spaceship"}).status_code == 400
    assert [row["kind"] for row in admin.get("/api/deleted", {"limit": 1, "page": 2}).json()["deleted"]] == [
        "appointment"
    ]


def test_deletion_list_withholds_the_reason_of_a_closed_chart(admin, practice, made):
    delete(admin, f"/api/appointments/{made.appointment.pk}")
    with practice_scope(practice.pk):
        Patient.objects.update(restricted=True)

    (row,) = admin.get("/api/deleted").json()["deleted"]

    assert (row["patientName"], row["reason"]) == ("Ada Lovelace", None)


@pytest.mark.parametrize("role", ["doctor", "staff", "billing", "patient"])
def test_list_is_the_office_managers(as_role, role):
    assert as_role(role).get("/api/deleted").status_code == 403


def test_chart_is_kept_as_long_as_the_youngest_of_what_is_in_it(admin, practice, made):
    """This includes rows deleted before the chart."""
    past = datetime(2001, 2, 3, tzinfo=UTC)
    with practice_scope(practice.pk):
        own = {MedicalRecord: "date", SessionNote: "date", Measure: "measured_at", BodyChart: "drawn_at"}
        for model in soft_deletable_models():
            moments = {"created_at", "updated_at", *filter(None, [own.get(model)])}
            model.objects.update(**dict.fromkeys(moments, past))
        SessionNote.objects.filter(finalised_at__isnull=False).update(finalised_at=datetime(2004, 2, 29, tzinfo=UTC))
        practice.retention_years = 11
        practice.save()

    body = delete(admin, chart_path(made.patient)).json()

    assert body["keptUntil"] == "2015-03-01T00:00:00Z"  # the 29th of February has no eleventh anniversary
    assert body["message"].endswith("and is deleted permanently after that.")
