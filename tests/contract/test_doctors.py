"""GET /api/doctors and /api/doctors/:id."""

import pytest

from tests.contract.clinic import NOBODY

ROLES = ["admin", "doctor", "staff", "billing", "patient"]
FIELDS = {"id", "name", "email", "specialization", "phone"}
MISSING = {"detail": "Doctor not found."}


def test_everybody_of_the_practice_sees_its_doctors(clinic, subtests):
    doctor = clinic.doctor

    for role in ROLES:
        with subtests.test(role=role):
            answer = clinic.as_role(role).get("/api/doctors", limit=100)

            assert answer.status == 200
            assert set(answer.json) == {"doctors", "total"}
            assert all(set(row) == FIELDS for row in answer.json["doctors"])
            assert answer.json["total"] == len(answer.json["doctors"])
            [row] = [row for row in answer.json["doctors"] if row["id"] == doctor.id]
            assert row == {
                "id": doctor.id,
                "name": "Demo Doctor",
                "email": doctor.user["email"],
                "specialization": "Chiropractic",
                "phone": "",
            }


def test_doctor_is_shown_with_how_many_patients_they_have(clinic, subtests):
    for role in ROLES:
        with subtests.test(role=role):
            answer = clinic.as_role(role).get(f"/api/doctors/{clinic.doctor.id}")

            assert answer.status == 200
            assert set(answer.json) == FIELDS | {"assignedPatients"}
            assert isinstance(answer.json["assignedPatients"], int)


def test_patient_is_assigned_once_however_often_they_came(clinic):
    doctor = clinic.hire("doctor")

    def assigned():
        return clinic.staff.get(f"/api/doctors/{doctor.id}").json["assignedPatients"]

    assert assigned() == 0
    booked, written = clinic.chart(), clinic.chart()
    clinic.booking(chart=booked["id"], doctor=doctor.id)
    clinic.booking(chart=booked["id"], doctor=doctor.id)
    assert assigned() == 1
    clinic.record(chart=booked["id"], doctor=doctor)
    assert assigned() == 1
    clinic.record(chart=written["id"], doctor=doctor)
    assert assigned() == 2
    assert doctor.get("/api/dashboard/stats").json["assignedPatients"] == 2


def test_another_practices_doctor_does_not_exist(clinic):
    foreign = clinic.elsewhere.doctor

    answer = clinic.staff.get(f"/api/doctors/{foreign.id}")

    assert (answer.status, answer.json) == (404, MISSING)
    assert foreign.id not in [row["id"] for row in clinic.staff.get("/api/doctors", limit=100).json["doctors"]]


def test_non_doctor_is_404(clinic, subtests):
    for other in ["admin", "staff", "billing", "patient"]:
        with subtests.test(other=other):
            answer = clinic.staff.get(f"/api/doctors/{clinic.as_role(other).id}")

            assert (answer.status, answer.json) == (404, MISSING)


@pytest.mark.parametrize("bad", [NOBODY, "1", "abc"])
def test_unknown_id_is_404(clinic, bad):
    answer = clinic.staff.get(f"/api/doctors/{bad}")

    assert answer.status == 404
    assert set(answer.json) == {"detail"}


@pytest.mark.parametrize("path", ["/api/doctors", f"/api/doctors/{NOBODY}"])
def test_anonymous_caller_is_refused(anonymous, path):
    answer = anonymous.get(path)

    assert (answer.status, answer.json) == (401, {"detail": "Not authenticated"})


def test_doctors_are_read_only(clinic, subtests):
    for path in ["/api/doctors", f"/api/doctors/{NOBODY}"]:
        for method in ["POST", "PUT", "PATCH", "DELETE"]:
            with subtests.test(path=path, method=method):
                answer = clinic.admin.request(method, path, json={})

                assert (answer.status, answer.headers["Allow"]) == (405, "GET")
                assert set(answer.json) == {"detail"}


def test_pages_divide_the_doctors(clinic):
    doctors = {clinic.doctor.id, clinic.hire("doctor").id}
    total = clinic.staff.get("/api/doctors").json["total"]

    rows = [clinic.staff.get("/api/doctors", page=page, limit=1).json["doctors"] for page in range(1, total + 2)]

    assert [len(row) for row in rows] == [1] * total + [0]
    assert doctors <= {row[0]["id"] for row in rows if row}
