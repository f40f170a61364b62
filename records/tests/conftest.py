"""Who writes plans of care, and for whom."""

import pytest

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


@pytest.fixture
def plan_doctor(as_role):
    return as_role("doctor")


@pytest.fixture
def plan_chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Ada Lovelace")
