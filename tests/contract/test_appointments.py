"""POST /api/appointments, and methods that appointments do not have."""

from datetime import datetime, timedelta, timezone

import pytest

from tests.contract.clinic import NOBODY, TAKEN, fresh_slot, later, try_to_book


@pytest.mark.parametrize("role", ["staff", "doctor"])
def test_staff_and_doctors_book_for_any_patient(clinic, role):
    chart, slot = clinic.chart(), fresh_slot()

    answer = try_to_book(clinic, clinic.as_role(role), chart["id"], date=slot, notes="First visit")

    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "patientId": chart["id"],
        "patientName": chart["name"],
        "doctorId": clinic.doctor.id,
        "doctorName": "Demo Doctor",
        "date": slot,
        "endsAt": later(slot),
        "status": "scheduled",
        "reason": "Back pain",
        "notes": "First visit",
        "version": 1,
    }
    assert answer.headers["ETag"] == '"1"'


def test_patient_books_for_their_own_chart(clinic):
    patient = clinic.hire("patient")  # one who waits to be confirmed books twice at most
    own = clinic.chart_of(patient)

    answer = try_to_book(clinic, patient, own)

    assert answer.status == 201
    assert answer.json["reason"] == "Back pain"
    assert answer.json["id"] in [row["id"] for row in patient.get("/api/appointments").json["appointments"]]


def test_patient_books_for_nobody_else(clinic):
    answer = try_to_book(clinic, clinic.patient, clinic.chart()["id"])

    assert (answer.status, answer.json) == (404, {"detail": "Patient not found."})


def test_patient_does_not_book_the_past(clinic):
    answer = try_to_book(clinic, clinic.patient, clinic.chart_of(clinic.patient), date="2020-01-06T09:00:00Z")

    assert (answer.status, set(answer.json["errors"])) == (400, {"date"})


@pytest.mark.parametrize("role", ["admin", "billing"])
def test_other_roles_cannot_book(clinic, role):
    answer = try_to_book(clinic, clinic.as_role(role), clinic.chart()["id"])

    assert (answer.status, answer.json) == (403, {"detail": "You don't have permission to do this."})


def test_anonymous_caller_is_refused(anonymous):
    assert anonymous.get("/api/appointments").status == 401
    assert anonymous.post("/api/appointments", {}).status == 401
    assert anonymous.patch(f"/api/appointments/{NOBODY}", {}).status == 401


@pytest.mark.parametrize("who", ["another practice's", "nobody's", "a colleague who is none"])
def test_booking_needs_a_doctor_of_the_practice(clinic, who):
    ids = {"another practice's": clinic.elsewhere.doctor.id, "nobody's": NOBODY}
    doctor = ids.get(who, clinic.staff.id)

    answer = try_to_book(clinic, clinic.staff, clinic.chart()["id"], doctorId=doctor)

    assert (answer.status, answer.json) == (404, {"detail": "Doctor not found."})


def test_booking_needs_a_patient_of_the_practice(clinic):
    for chart in (clinic.elsewhere.foreign_chart["id"], NOBODY):
        answer = try_to_book(clinic, clinic.staff, chart)
        assert (answer.status, answer.json) == (404, {"detail": "Patient not found."})


def test_invalid_field_is_named(clinic, subtests):
    for field, value in [
        ("patientId", None),
        ("patientId", "abc"),
        ("patientId", -5),
        ("patientId", ["x"]),
        ("doctorId", {}),
        ("date", None),
        ("date", "tomorrow"),
        ("date", "2031-02-30T10:00:00Z"),
        ("date", "0001-01-01T00:00:00+14:00"),
        ("date", "9999-12-31T23:59:59-14:00"),
        ("date", 1_900_000_000),
        ("date", True),
        ("date", []),
        ("reason", ""),
        ("reason", None),
        ("reason", 5),
        ("reason", "r" * 501),
        ("reason", "r\x00"),
        ("notes", "n" * 5001),
        ("notes", ["n"]),
    ]:
        with subtests.test(field=field, value=value):
            answer = try_to_book(clinic, clinic.staff, NOBODY, **{field: value})

            assert answer.status == 400, answer
            assert set(answer.json["errors"]) == {field}


def test_one_doctor_has_one_appointment_at_a_time(clinic):
    first = clinic.booking(chart=clinic.chart()["id"])
    start = datetime.strptime(first["date"], "%Y-%m-%dT%H:%M:%S%z")
    other = clinic.chart()["id"]

    for minutes, status in [(0, 409), (29, 409), (-29, 409), (30, 201), (-30, 201)]:
        moved = (start + timedelta(minutes=minutes)).isoformat()
        answer = try_to_book(clinic, clinic.staff, other, date=moved)
        assert answer.status == status, (minutes, answer)
        if status == 409:
            assert answer.json == TAKEN


def test_another_doctor_is_free_at_that_time(clinic):
    first = clinic.booking(chart=clinic.chart()["id"])
    colleague = clinic.hire("doctor")

    clinic.booking(chart=clinic.chart()["id"], doctor=colleague.id, date=first["date"])


def test_unsupported_method_is_405(clinic, subtests):
    for method, path, allowed in [
        ("POST", f"/api/appointments/{NOBODY}", "DELETE, GET, PATCH"),
        ("PUT", f"/api/appointments/{NOBODY}", "DELETE, GET, PATCH"),
        ("DELETE", "/api/appointments", "GET, POST"),
        ("PATCH", "/api/appointments", "GET, POST"),
    ]:
        with subtests.test(method=method, path=path, allowed=allowed):
            answer = clinic.admin.request(method, path, json={})

            assert (answer.status, answer.headers["Allow"]) == (405, allowed)
            assert set(answer.json) == {"detail"}


def test_instant_is_the_same_however_it_is_written(clinic):
    slot, chart = fresh_slot(), clinic.chart()["id"]
    moment = datetime.strptime(slot, "%Y-%m-%dT%H:%M:%S%z")

    made = clinic.booking(chart=chart, date=moment.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat())

    assert made["date"] == slot
    assert try_to_book(clinic, clinic.staff, chart, date=slot.replace("Z", ".5-00:00")).status == 409
