"""A chart that was declined or merged: nobody meets it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appointments.tests.factories import AppointmentFactory
from core.tenancy import practice_scope
from patients.models import Patient
from patients.search import find
from patients.tests.factories import PatientFactory
from records.tests.factories import MedicalRecordFactory

SOON = timezone.now() + timedelta(days=3)
MISSING = {"detail": "There is no such patient."}


@pytest.fixture(params=["declined", "merged"])
def gone(request, practice, make_user):
    """A chart that was declined or merged, with whatever might still point to it."""
    doctor = make_user("doctor", name="Dr Chen")
    with practice_scope(practice.pk):
        into = PatientFactory(name="Grace Hopper") if request.param == "merged" else None
        chart = PatientFactory(name="Ada Gone", status=request.param, merged_into=into, primary_doctor=doctor)
        AppointmentFactory(patient=chart, doctor=doctor)
        MedicalRecordFactory(patient=chart, doctor=doctor)
    chart.primary_doctor = doctor
    return chart


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_it_is_in_no_list_and_answers_404(as_role, gone, role):
    client = as_role(role)

    for query in ({}, {"search": "gone"}, {"search": "Ada Gone"}):
        assert "Ada Gone" not in client.get("/api/patients", query).content.decode()
    answer = client.get(f"/api/patients/{gone.pk}")
    assert (answer.status_code, answer.json()) == (404, MISSING)


def test_nobody_books_writes_restricts_or_breaks_the_glass_for_it(as_role, gone, client_of):
    booking = {"patientId": str(gone.pk), "doctorId": str(gone.primary_doctor_id), "date": SOON, "reason": "Pain"}
    record = {"patientId": str(gone.pk), "diagnosis": "Strain", "prescription": "", "notes": ""}
    admin, doctor = as_role("admin"), client_of(gone.primary_doctor)

    assert as_role("staff").post("/api/appointments", booking, "application/json").status_code == 404
    assert doctor.post("/api/records", record, "application/json").status_code == 404
    assert admin.put(f"/api/patients/{gone.pk}/restriction").status_code == 404
    glass = {"reason": "Unconscious"}
    assert admin.post(f"/api/patients/{gone.pk}/emergency-access", glass, "application/json").status_code == 404


def test_it_counts_nowhere(as_role, gone, client_of):
    admin, doctor = as_role("admin"), client_of(gone.primary_doctor)
    others = 1 if gone.merged_into_id else 0

    assert admin.get("/api/dashboard/stats").json()["totalPatients"] == others
    assert as_role("staff").get("/api/dashboard/stats").json()["pendingRegistrations"] == 0
    assert doctor.get("/api/dashboard/stats").json()["assignedPatients"] == 0
    assert admin.get(f"/api/doctors/{gone.primary_doctor_id}").json()["assignedPatients"] == 0
    assert admin.get("/api/registrations").json()["total"] == 0
    assert admin.get("/api/patients").json()["total"] == others


def test_the_index_alone_would_find_it(gone):
    """So it is the lists that leave it out."""
    with practice_scope(gone.practice_id):
        assert find(Patient.objects.all(), "gone") == [gone.pk]
