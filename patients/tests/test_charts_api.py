from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


def test_chart_of_another_practice_is_not_found(as_role, practice, other_practice):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(practice.pk):
        own = PatientFactory()
    staff = as_role("staff")

    assert staff.get(f"/api/patients/{own.pk}").json()["id"] == str(own.pk)
    answer = staff.get(f"/api/patients/{foreign.pk}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Patient not found."})
    assert [row["id"] for row in staff.get("/api/patients").json()["patients"]] == [str(own.pk)]
