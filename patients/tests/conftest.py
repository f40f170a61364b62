"""Two charts of one person, to be merged."""

import pytest

from appointments.tests.factories import WaitingListEntryFactory
from patients.deletion import services as deletions
from patients.tests.chart_with_all import chart_with_all
from patients.tests.factories import PatientFactory
from patients.tests.merging import KNOWN, TWICE


@pytest.fixture
def merging_doctor(make_user):
    return make_user("doctor")


@pytest.fixture
def known_chart(scope):
    return PatientFactory(**KNOWN)


@pytest.fixture
def second_chart(scope, merging_doctor):
    """A second chart of the same person, with a row of every kind, one of them deleted, and a legal hold."""
    made = chart_with_all(merging_doctor, **TWICE)
    WaitingListEntryFactory(patient=made.patient)
    deletions.place_hold(by=merging_doctor, patient_id=made.patient.pk, reason="Order of the court")
    return made
