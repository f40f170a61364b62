"""Nobody meets a deleted chart: no list, no search, no number, no registration and no merge."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.cache import cached_counts
from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import soft_deletable_models
from patients.models import Patient
from patients.tests.chart_with_all import chart_with_all
from patients.tests.deletion.deleting import chart_path, delete, restore
from patients.tests.factories import PatientFactory


def paths(made, doctor):
    chart = f"patientId={made.patient.pk}"
    return [
        "/api/patients",
        "/api/patients?search=lovelace",
        "/api/appointments",
        f"/api/appointments?doctorId={doctor.pk}",
        "/api/records",
        f"/api/doctors/{doctor.pk}",
        "/api/registrations",
        "/api/dashboard/stats",
        chart_path(made.patient),
        f"/api/records?{chart}",
    ]


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_deleted_chart_is_in_no_list_no_search_and_no_number(as_role, admin, practice, doctor, made, role):
    """The response is the same as in a practice without it."""
    client = as_role(role)
    delete(admin, chart_path(made.patient))

    for path in paths(made, doctor):
        answer = client.get(path)
        said = answer.content.decode()
        assert "Lovelace" not in said and str(made.appointment.pk) not in said, path
        if answer.status_code == 200:
            counts = {name: value for name, value in answer.json().items() if type(value) is int}
            assert not {name for name, value in counts.items() if value} - {"page", "limit", "totalDoctors"}, path


def test_patient_sees_and_books_nothing_until_it_is_back(admin, as_role, practice, doctor):
    patient = as_role("patient")
    with practice_scope(practice.pk):
        made = chart_with_all(doctor, user=patient.user)
    booking = {
        "patientId": str(made.patient.pk),
        "doctorId": str(doctor.pk),
        "reason": "Pain",
        "date": (timezone.now() + timedelta(days=9)).isoformat(),
    }
    delete(admin, chart_path(made.patient))

    for path in ("/api/patients", "/api/appointments", "/api/records"):
        assert patient.get(path).json()["total"] == 0
    assert not any(patient.get("/api/dashboard/stats").json().values())
    assert patient.get(chart_path(made.patient)).status_code == 404
    assert patient.get("/api/users/me").status_code == 200
    assert patient.post("/api/appointments", booking, "application/json").status_code == 404

    restore(admin, chart_path(made.patient))
    assert patient.get("/api/records").json()["total"] == 1
    assert patient.post("/api/appointments", booking, "application/json").status_code == 201


def test_deleted_chart_is_no_likely_match_and_takes_no_registration(admin, practice, made):
    with practice_scope(practice.pk):
        newcomer = PatientFactory(name="Ada Lovelace", status="pending", phone=made.patient.phone)
    assert admin.get("/api/registrations").json()["registrations"][0]["matches"]
    delete(admin, chart_path(made.patient))

    assert admin.get("/api/registrations").json()["registrations"][0]["matches"] == []
    merge = admin.post(
        f"/api/registrations/{newcomer.pk}/confirm", {"patientId": str(made.patient.pk)}, "application/json"
    )
    assert merge.status_code == 404


def test_registration_that_was_merged_into_it_goes_and_comes_with_it(admin, practice, made):
    with practice_scope(practice.pk):
        merged = PatientFactory(status="merged", merged_into=made.patient)
    delete(admin, chart_path(made.patient))

    with practice_scope(practice.pk):
        assert not Patient.objects.exists()
    assert restore(admin, chart_path(merged)).status_code == 409
    assert restore(admin, chart_path(made.patient)).status_code == 200
    with practice_scope(practice.pk):
        assert Patient.objects.filter(pk=merged.pk).exists()


def test_deleted_rows_move_with_a_merge(admin, practice, make_user, doctor, made):
    with practice_scope(practice.pk):
        newcomer = PatientFactory(status="pending", user=make_user("patient"))
        appointment = AppointmentFactory(patient=newcomer, doctor=doctor)
    path = f"/api/appointments/{appointment.pk}"
    delete(admin, path)
    merge = admin.post(
        f"/api/registrations/{newcomer.pk}/confirm", {"patientId": str(made.patient.pk)}, "application/json"
    )
    assert merge.status_code == 200

    (row,) = admin.get("/api/deleted").json()["deleted"]
    assert row["patientId"] == str(made.patient.pk)
    assert restore(admin, path).status_code == 200
    with practice_scope(practice.pk):
        assert Appointment.objects.get(pk=appointment.pk).patient_id == made.patient.pk


def test_cached_counts_are_invalidated(admin, practice, made, monkeypatch):
    forgotten = []
    monkeypatch.setattr(cached_counts, "invalidate", lambda model, practice_id: forgotten.append((model, practice_id)))

    delete(admin, chart_path(made.patient))
    hidden, forgotten[:] = set(forgotten), []
    restore(admin, chart_path(made.patient))

    every = {(model, practice.pk) for model in soft_deletable_models()}
    assert every <= hidden and every <= set(forgotten)
