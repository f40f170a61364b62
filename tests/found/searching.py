"""The front desk's search in both of its places. A case is a stored name and what is typed."""

from collections.abc import Callable, Sequence

import pytest
from django.test import Client
from django.urls import reverse

from patients.models import Patient
from patients.tests.factories import PatientFactory

Case = tuple[str, str]
Search = Callable[[Client, str], set[str]]


def store(cases: Sequence[Case]) -> None:
    for name in dict(cases):
        PatientFactory(name=name)


def expect_found(client: Client, cases: Sequence[Case], subtests: pytest.Subtests, *, search: Search) -> None:
    for name, typed in cases:
        with subtests.test(stored=name, typed=typed):
            assert name in search(client, typed)


def expect_not_found(client: Client, cases: Sequence[Case], subtests: pytest.Subtests, *, search: Search) -> None:
    for name, typed in cases:
        with subtests.test(stored=name, typed=typed):
            assert name not in search(client, typed)


def names_in_api(client: Client, typed: str) -> set[str]:
    answer = client.get("/api/patients", {"search": typed, "limit": 100})
    assert answer.status_code == 200, answer.content
    return {chart["name"] for chart in answer.json()["patients"]}


def names_on_page(client: Client, typed: str) -> set[str]:
    answer = client.get(reverse("admin:patients_patient_changelist"), {"q": typed})
    assert answer.status_code == 200
    return {chart.name for chart in answer.context["cl"].result_list}


def hits_in_notes(client: Client, chart: Patient, typed: str) -> int:
    body = {"patientId": str(chart.pk), "query": typed}
    answer = client.post("/api/sessions/search", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    total: int = answer.json()["total"]
    return total
