from core.tenancy import practice_scope
from patients.tests.factories import PatientFactory


def test_a_chart_of_another_practice_does_not_exist(as_role, practice, other_practice):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(practice.pk):
        own = PatientFactory()
    staff = as_role("staff")

    assert staff.get(f"/api/patients/{own.pk}").json()["id"] == str(own.pk)
    answer = staff.get(f"/api/patients/{foreign.pk}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no such patient."})
    assert [row["id"] for row in staff.get("/api/patients").json()["patients"]] == [str(own.pk)]
