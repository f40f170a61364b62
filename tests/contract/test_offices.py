"""Offices: the practice's locations, where people work and appointments are."""

import pytest

from tests.contract.clinic import NOBODY, try_to_book

MIDTOWN = {
    "name": "Midtown",
    "address": "350 Park Avenue, New York",
    "phone": "(212) 555-0100",
    "timezone": "America/New_York",
}
FIELDS = ["id", "name", "address", "phone", "timezone", "version"]


@pytest.fixture
def office(clinic):
    answer = clinic.admin.post("/api/offices", MIDTOWN)
    assert answer.status == 201, answer
    return answer.json


def test_office_manager_adds_one_and_everybody_sees_it(clinic, office):
    assert list(office) == FIELDS
    assert {**office, "id": ""} == {"id": "", **MIDTOWN, "version": 1}

    for role in ("admin", "doctor", "staff", "billing", "patient"):
        listed = clinic.as_role(role).get("/api/offices").json
        assert office in listed["offices"]
        assert listed["total"] == len(listed["offices"])
        assert clinic.as_role(role).get(f"/api/offices/{office['id']}").json == office


def test_offices_are_listed_by_name(clinic):
    for name in ("Zephyr", "Abbey"):
        clinic.admin.post("/api/offices", {"name": name})

    names = [office["name"] for office in clinic.admin.get("/api/offices").json["offices"]]

    assert names == sorted(names)


def test_all_but_the_name_may_be_left_out(clinic):
    answer = clinic.admin.post("/api/offices", {"name": "Annex", "phone": None})

    assert answer.status == 201
    nothing = {"address": "", "phone": "", "timezone": ""}
    assert {**answer.json, "id": ""} == {"id": "", "name": "Annex", **nothing, "version": 1}


def test_invalid_fields_are_refused(clinic, office, subtests):
    for field, value in [
        ("timezone", "Mars/Base"),
        ("timezone", 5),
        ("name", ""),
        ("name", "x" * 201),
        ("phone", 5550100),
    ]:
        with subtests.test(field=field, value=value):
            for answer in (
                clinic.admin.post("/api/offices", {**MIDTOWN, field: value}),
                clinic.admin.patch(f"/api/offices/{office['id']}", {field: value}),
            ):
                assert (answer.status, set(answer.json["errors"])) == (400, {field})


def test_change_keeps_what_it_does_not_name(clinic, office):
    answer = clinic.admin.patch(f"/api/offices/{office['id']}", {"phone": "5", "timezone": ""})

    assert (answer.status, answer.json) == (200, {**office, "phone": "5", "timezone": "", "version": 2})
    assert clinic.staff.get(f"/api/offices/{office['id']}").json == answer.json


def test_other_roles_cannot_change_offices(clinic, office, subtests):
    for role in ["doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            caller, address = clinic.as_role(role), f"/api/offices/{office['id']}"

            assert caller.post("/api/offices", MIDTOWN).status == 403
            assert caller.patch(address, {"name": "Mine"}).status == 403
            assert caller.request("DELETE", address).status == 403


def test_another_practices_office_does_not_exist(clinic, office):
    for address in (f"/api/offices/{office['id']}", f"/api/offices/{NOBODY}"):
        for method, body in (("GET", {}), ("PATCH", {"json": {"name": "Theirs"}}), ("DELETE", {})):
            assert clinic.elsewhere.admin.request(method, address, **body).status == 404
    assert office not in clinic.elsewhere.admin.get("/api/offices").json["offices"]
    assert clinic.admin.get(f"/api/offices/{office['id']}").json == office


def test_office_that_nothing_names_is_removed(clinic, office):
    address = f"/api/offices/{office['id']}"

    answer = clinic.admin.request("DELETE", address)

    assert (answer.status, answer.body) == (204, b"")
    assert clinic.admin.get(address).status == clinic.admin.request("DELETE", address).status == 404


def test_office_that_an_appointment_names_stays(clinic, office):
    chart = clinic.chart()
    clinic.booking(chart=chart["id"], officeId=office["id"])

    answer = clinic.admin.request("DELETE", f"/api/offices/{office['id']}")

    assert (answer.status, set(answer.json)) == (409, {"detail"})
    assert clinic.admin.get(f"/api/offices/{office['id']}").status == 200


def test_office_that_a_join_code_names_stays(clinic, office):
    assert clinic.doctor.post("/api/join-codes", {"officeId": office["id"]}).status == 201

    assert clinic.admin.request("DELETE", f"/api/offices/{office['id']}").status == 409


# --- Appointments


def test_appointment_is_in_the_office_that_the_booking_names(clinic, office):
    chart = clinic.chart()

    booked = clinic.booking(chart=chart["id"], officeId=office["id"])

    assert booked["officeId"] == office["id"]
    listed = clinic.staff.get("/api/appointments", officeId=office["id"]).json
    assert (listed["appointments"], listed["total"]) == ([booked], 1)


def test_appointment_without_an_office_states_none(clinic):
    booked = clinic.booking(chart=clinic.chart()["id"])

    assert "officeId" not in booked


def test_appointment_moves_to_another_office(clinic, office):
    booked = clinic.booking(chart=clinic.chart()["id"])

    moved = clinic.staff.patch(f"/api/appointments/{booked['id']}", {"officeId": office["id"]})

    assert (moved.status, moved.json) == (200, {**booked, "officeId": office["id"], "version": 2})


def test_another_practices_office_is_no_place_for_an_appointment(clinic):
    foreign = clinic.elsewhere.admin.post("/api/offices", MIDTOWN).json["id"]
    chart = clinic.chart()["id"]
    booked = clinic.booking(chart=chart)

    for office_id in (foreign, NOBODY):
        assert try_to_book(clinic, clinic.staff, chart, officeId=office_id).status == 404
        assert clinic.staff.patch(f"/api/appointments/{booked['id']}", {"officeId": office_id}).status == 404
        assert clinic.staff.get("/api/appointments", officeId=office_id).json["total"] == 0
    assert try_to_book(clinic, clinic.staff, chart, officeId="Midtown").status == 400


def test_patient_picks_the_office_and_moves_the_appointment_in_time_alone(clinic, office):
    patient = clinic.hire("patient")  # somebody who waits to be confirmed books twice at most
    booked = try_to_book(clinic, patient, clinic.chart_of(patient), officeId=office["id"])
    assert (booked.status, booked.json["officeId"]) == (201, office["id"])

    elsewhere = clinic.admin.post("/api/offices", {"name": "Elsewhere"}).json["id"]
    moved = patient.patch(f"/api/appointments/{booked.json['id']}", {"officeId": elsewhere})

    assert moved.status == 403
    assert patient.patch(f"/api/appointments/{booked.json['id']}", {"status": "cancelled"}).status == 200
