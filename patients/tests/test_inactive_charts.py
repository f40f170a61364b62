"""Declined and merged charts appear nowhere."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.search import search_charts
from patients.tests.factories import PatientFactory
from records.tests.factories import MedicalRecordFactory

SOON = timezone.now() + timedelta(days=3)
MISSING = {"detail": "Patient not found."}


def gone(chart):
    """Return what a chart that is in no list answers: of one that was merged, which chart it is now."""
    into = chart.merged_into_id
    return (
        {"detail": "This chart was merged into another one. Open that one instead.", "mergedInto": str(into)}
        if into
        else MISSING
    )


@pytest.fixture(params=["declined", "merged"])
def inactive(request, practice, make_user):
    """A declined or merged chart, with everything that may still refer to it."""
    doctor = make_user("doctor", name="Dr Chen")
    with practice_scope(practice.pk):
        into = PatientFactory(name="Grace Hopper") if request.param == "merged" else None
        chart = PatientFactory(name="Ada Gone", status=request.param, merged_into=into, primary_doctor=doctor)
        AppointmentFactory(patient=chart, doctor=doctor)
        MedicalRecordFactory(patient=chart, doctor=doctor)
    chart.primary_doctor = doctor
    return chart


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_it_is_in_no_list_and_answers_404(as_role, inactive, role):
    client = as_role(role)

    for query in ({}, {"search": "gone"}, {"search": "Ada Gone"}):
        assert "Ada Gone" not in client.get("/api/patients", query).content.decode()
    answer = client.get(f"/api/patients/{inactive.pk}")
    assert (answer.status_code, answer.json()) == (404, gone(inactive))


def test_nobody_books_writes_restricts_or_breaks_the_glass_for_it(as_role, inactive, client_of):
    booking = {
        "patientId": str(inactive.pk),
        "doctorId": str(inactive.primary_doctor_id),
        "date": SOON,
        "reason": "Pain",
    }
    record = {"patientId": str(inactive.pk), "diagnosis": "Strain", "prescription": "", "notes": ""}
    admin, doctor = as_role("admin"), client_of(inactive.primary_doctor)

    assert as_role("staff").post("/api/appointments", booking, "application/json").status_code == 404
    assert doctor.post("/api/records", record, "application/json").status_code == 404
    assert admin.put(f"/api/patients/{inactive.pk}/restriction").status_code == 404
    glass = {"reason": "Unconscious"}
    assert admin.post(f"/api/patients/{inactive.pk}/emergency-access", glass, "application/json").status_code == 404


def test_it_counts_nowhere(as_role, inactive, client_of):
    admin, doctor = as_role("admin"), client_of(inactive.primary_doctor)
    others = 1 if inactive.merged_into_id else 0

    assert admin.get("/api/dashboard/stats").json()["totalPatients"] == others
    assert as_role("staff").get("/api/dashboard/stats").json()["pendingRegistrations"] == 0
    assert doctor.get("/api/dashboard/stats").json()["assignedPatients"] == 0
    assert admin.get(f"/api/doctors/{inactive.primary_doctor_id}").json()["assignedPatients"] == 0
    assert admin.get("/api/registrations").json()["total"] == 0
    assert admin.get("/api/patients").json()["total"] == others


def test_search_finds_chart_by_index(inactive):
    """The lists leave it out, not the index."""
    with practice_scope(inactive.practice_id):
        assert search_charts(Patient.objects.all(), "gone") == [inactive.pk]
