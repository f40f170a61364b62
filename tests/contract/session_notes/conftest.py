import pytest


@pytest.fixture
def chart(clinic):
    return clinic.chart()["id"]
