"""Rows of every list."""

import pytest

from appointments.tests.factories import (
    AppointmentFactory,
)
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from records.tests.factories import (
    BodyChartFactory,
    FinalisedNoteFactory,
    GoalFactory,
    MeasureFactory,
    MedicalRecordFactory,
    PlanFactory,
    asked_form,
    stored_file,
)


@pytest.fixture
def add_rows(practice, make_user):
    def add(number, user=None):
        with practice_scope(practice.pk):
            for _ in range(number):
                doctor = make_user("doctor")
                chart = PatientFactory(name="Ada Lovelace", user=user)
                mine = doctor if user is None else user
                office = OfficeFactory()
                AppointmentFactory(patient=chart, doctor=doctor if mine.role != "doctor" else mine, office=office)
                MedicalRecordFactory(patient=chart, doctor=doctor)
                FinalisedNoteFactory(patient=chart, doctor=doctor)
                GoalFactory(plan=PlanFactory(patient=chart, doctor=doctor))
                stored_file(patient=chart, uploaded_by=doctor)
                for make in (MeasureFactory, BodyChartFactory):
                    make(patient=chart, doctor=doctor)
                asked_form(patient=chart, by=doctor)

    return add
