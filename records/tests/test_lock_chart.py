"""Writing medical records."""

from collections import Counter

import pytest
from django.test import Client

from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_double_booking import at_once
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import MedicalRecord


@pytest.mark.django_db(transaction=True)
def test_concurrent_records_take_different_encounters(transactional_db, practice, as_role):
    doctor = as_role("doctor")
    with practice_scope(practice.pk):
        patient = PatientFactory()
        AppointmentFactory.create_batch(2, patient=patient, doctor=doctor.user, status="completed")

    def write(number):
        client = Client()
        client.cookies = doctor.cookies
        body = {"patientId": str(patient.pk), "diagnosis": f"Finding {number}", "prescription": "", "notes": ""}
        return client.post("/api/records", body, "application/json").status_code

    assert Counter(at_once(6, write)) == {201: 6}
    with practice_scope(practice.pk):
        taken = [record.appointment_id for record in MedicalRecord.objects.all() if record.appointment_id]
    assert len(taken) == len(set(taken)) == 2
