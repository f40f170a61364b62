import pytest

from core.tenancy.scope import practice_scope
from patients.tests.chart_with_all import chart_with_all


@pytest.fixture
def admin(as_role):
    return as_role("admin")


@pytest.fixture
def doctor(make_user):
    return make_user("doctor", name="Dr Chen")


@pytest.fixture
def made(practice, doctor):
    with practice_scope(practice.pk):
        return chart_with_all(doctor, name="Ada Lovelace")
