"""/api/appointment-types: what the practice offers."""

import pytest

from tests.contract.clinic import NOBODY, fresh_slot, later, try_to_book

PATH = "/api/appointment-types"
FIRST_EXAM = {"name": "First exam", "minutes": 50, "bufferBefore": 5, "bufferAfter": 10, "colour": "#2e7d32"}


@pytest.fixture
def kind(clinic):
    made = clinic.admin.post(PATH, FIRST_EXAM)
    assert made.status == 201
    return made.json


def test_type_is_added_changed_listed_and_removed(clinic, kind):
    path = f"{PATH}/{kind['id']}"
    defaults = {"bookableOnline": True, "video": False, "videoLink": "", "position": 0, "active": True, "doctorIds": []}
    assert kind == {"id": kind["id"], **FIRST_EXAM, **defaults, "version": 1}
    doctor = clinic.doctor.id
    changed = clinic.admin.patch(path, {"minutes": 45, "doctorIds": [doctor], "bookableOnline": False})
    assert changed.json == {**kind, "minutes": 45, "doctorIds": [doctor], "bookableOnline": False, "version": 2}
    assert clinic.admin.patch(path, changed.json).json == changed.json  # the whole object sent back
    for role in ("staff", "doctor", "billing"):
        assert clinic.as_role(role).get(PATH).json == {"appointmentTypes": [changed.json], "total": 1}
    without_link = {**changed.json, "videoLink": None}
    assert clinic.patient.get(PATH).json == {"appointmentTypes": [without_link], "total": 1}
    assert clinic.admin.patch(path, {"doctorIds": []}).json["doctorIds"] == []
    assert clinic.admin.request("DELETE", path).status == 204
    assert clinic.admin.get(path).status == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minutes", 4),
        ("minutes", 481),
        ("minutes", "half an hour"),
        ("bufferAfter", -1),
        ("bufferBefore", 121),
        ("colour", "green"),
        ("name", "\u200b"),
        ("videoLink", "javascript:alert(1)"),
        ("buffer", 5),
    ],
)
def test_invalid_type_is_refused_and_the_field_named(clinic, field, value):
    answer = clinic.admin.post(PATH, {**FIRST_EXAM, field: value})
    assert (answer.status, list(answer.json["errors"])) == (400, [field])


def test_two_types_do_not_have_one_name(clinic, kind):
    assert clinic.admin.post(PATH, {**FIRST_EXAM, "name": "FIRST EXAM"}).status == 409
    other = clinic.admin.post(PATH, {**FIRST_EXAM, "name": "Follow-up"}).json
    assert clinic.admin.patch(f"{PATH}/{other['id']}", {"name": "First exam"}).status == 409


def test_doctor_of_a_type_is_one_of_the_practice(clinic):
    assert clinic.admin.post(PATH, {**FIRST_EXAM, "doctorIds": [NOBODY]}).status == 404
    assert clinic.admin.post(PATH, {**FIRST_EXAM, "doctorIds": [clinic.staff.id]}).status == 404


def test_visit_keeps_the_minutes_that_its_type_had(clinic, kind):
    slot = fresh_slot()
    booked = try_to_book(clinic, clinic.staff, clinic.chart()["id"], date=slot, typeId=kind["id"]).json
    assert (booked["typeId"], booked["endsAt"]) == (kind["id"], later(slot, 50))
    clinic.admin.patch(f"{PATH}/{kind['id']}", {"minutes": 20})
    assert clinic.staff.get(f"/api/appointments/{booked['id']}").json["endsAt"] == later(slot, 50)
    removed = clinic.admin.request("DELETE", f"{PATH}/{kind['id']}")
    assert (removed.status, "stop offering it" in removed.json["detail"]) == (409, True)


def test_visit_takes_the_minutes_that_staff_say(clinic, kind):
    slot, chart = fresh_slot(), clinic.chart()["id"]
    booked = try_to_book(clinic, clinic.staff, chart, date=slot, typeId=kind["id"], minutes=55).json
    assert booked["endsAt"] == later(slot, 55)
    path = f"/api/appointments/{booked['id']}"
    assert clinic.staff.patch(path, {"minutes": 20}).json["endsAt"] == later(slot, 20)
    assert clinic.staff.patch(path, {"typeId": None}).json["endsAt"] == later(slot, 20)
    again = clinic.staff.patch(path, {"typeId": kind["id"]}).json
    assert (again["typeId"], again["endsAt"]) == (kind["id"], later(slot, 50))
    assert clinic.patient.patch(path, {"minutes": 90}).status == 404  # another's


def test_patient_does_not_choose_the_minutes(clinic):
    patient = clinic.hire("patient")
    answer = try_to_book(clinic, patient, clinic.chart_of(patient), minutes=240)
    assert answer.status == 403


def test_what_is_not_offered_is_not_booked(clinic, kind):
    chart = clinic.chart()["id"]
    patient = clinic.hire("patient")
    own = clinic.chart_of(patient)
    clinic.admin.patch(f"{PATH}/{kind['id']}", {"bookableOnline": False})
    assert try_to_book(clinic, patient, own, typeId=kind["id"]).status == 409
    assert try_to_book(clinic, clinic.staff, chart, typeId=kind["id"]).status == 201
    clinic.admin.patch(f"{PATH}/{kind['id']}", {"active": False})
    assert try_to_book(clinic, clinic.staff, chart, typeId=kind["id"]).status == 409
    assert try_to_book(clinic, clinic.staff, chart, typeId=NOBODY).status == 404


def test_staff_are_warned_of_a_doctor_who_does_not_offer_the_type(clinic, kind):
    colleague = clinic.hire("doctor")
    clinic.admin.patch(f"{PATH}/{kind['id']}", {"doctorIds": [colleague.id]})
    booked = try_to_book(clinic, clinic.staff, clinic.chart()["id"], typeId=kind["id"])
    assert (booked.status, booked.json["warnings"]) == (201, ["not a visit that this doctor offers"])
    patient = clinic.hire("patient")
    assert try_to_book(clinic, patient, clinic.chart_of(patient), typeId=kind["id"]).status == 409


def test_link_of_a_video_visit_is_for_whoever_has_the_visit(clinic):
    link = "https://video.example.com/room-7"
    kind = clinic.admin.post(PATH, {**FIRST_EXAM, "name": "By video", "video": True, "videoLink": link}).json
    assert kind["videoLink"] == link
    assert clinic.patient.get(f"{PATH}/{kind['id']}").json["videoLink"] is None
    patient = clinic.hire("patient")
    booked = try_to_book(clinic, clinic.staff, clinic.chart_of(patient), typeId=kind["id"]).json
    path = f"/api/appointments/{booked['id']}"
    assert booked["videoLink"] == patient.get(path).json["videoLink"] == link
    (listed,) = patient.get("/api/appointments").json["appointments"]
    assert listed == patient.get(path).json
    assert "videoLink" not in clinic.booking(chart=clinic.chart()["id"])
    assert "videoLink" not in patient.patch(path, {"status": "cancelled"}).json
