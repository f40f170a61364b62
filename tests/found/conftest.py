"""Who asks in most of these tests, and about whom; a module with other needs has its own."""

import pytest

from patients.tests.factories import PatientFactory


@pytest.fixture
def staff(as_role):
    return as_role("staff")


@pytest.fixture
def doctor(as_role):
    return as_role("doctor")


@pytest.fixture
def chart(scope):
    return PatientFactory()
