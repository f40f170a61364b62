"""/api/rooms, and the room of a visit."""

import pytest

from tests.contract.clinic import NOBODY, TAKEN, fresh_slot, later, try_to_book

PATH = "/api/rooms"
ROOM_TAKEN = {"detail": "The room is taken at this time."}


@pytest.fixture
def office(clinic):
    return clinic.admin.post("/api/offices", {"name": "Harbour", "timezone": "America/Chicago"}).json["id"]


@pytest.fixture
def room(clinic, office):
    made = clinic.admin.post(PATH, {"name": "Room 1", "officeId": office})
    assert made.status == 201
    return made.json


def book(clinic, by=None, **fields):
    return try_to_book(clinic, by or clinic.staff, clinic.chart()["id"], **fields)


def test_room_is_added_changed_listed_and_removed(clinic, office, room):
    path = f"{PATH}/{room['id']}"
    assert room == {"id": room["id"], "officeId": office, "name": "Room 1", "active": True, "version": 1}
    changed = clinic.admin.patch(path, {"name": "Gym", "active": False}).json
    assert changed == {**room, "name": "Gym", "active": False, "version": 2}
    assert clinic.admin.patch(path, changed).json == changed  # the whole object sent back
    for role in ("staff", "doctor", "billing", "patient"):
        assert clinic.as_role(role).get(PATH, officeId=office).json == {"rooms": [changed], "total": 1}
    assert clinic.admin.get(PATH, officeId=NOBODY).json["total"] == 0
    assert clinic.admin.request("DELETE", path).status == 204
    assert clinic.admin.get(path).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "ROOM 1"}, 409),
        ({"name": ""}, 400),
        ({"name": "R" * 101}, 400),
        ({"name": "\u200b"}, 400),
        ({"officeId": None}, 400),
        ({"officeId": NOBODY}, 404),
        ({"beds": 2}, 400),
    ],
)
def test_rooms_are_sound(clinic, office, room, body, status):
    assert clinic.admin.post(PATH, {"name": "Room 2", "officeId": office, **body}).status == status


def test_room_holds_one_visit_at_a_time(clinic, office, room):
    start = fresh_slot()
    other = clinic.hire("doctor")
    booked = book(clinic, date=start, roomId=room["id"]).json
    assert (booked["roomId"], booked["officeId"]) == (room["id"], office)
    for second in (start, later(start, 29)):
        refused = book(clinic, doctorId=other.id, date=second, roomId=room["id"])
        assert (refused.status, refused.json) == (409, ROOM_TAKEN)
    assert book(clinic, date=start, roomId=room["id"]).json in (TAKEN, ROOM_TAKEN)
    after = book(clinic, doctorId=other.id, date=later(start, 30), roomId=room["id"]).json
    path = f"/api/appointments/{after['id']}"
    moved = clinic.staff.patch(path, {"date": later(start, 10)})
    assert (moved.status, moved.json) == (409, ROOM_TAKEN)
    assert "roomId" not in clinic.staff.patch(path, {"date": later(start, 10), "roomId": None}).json
    assert clinic.staff.patch(path, {"roomId": room["id"]}).json == ROOM_TAKEN
    own = f"/api/appointments/{booked['id']}"
    assert clinic.staff.patch(own, {**booked, "notes": "Sent back whole"}).json["roomId"] == room["id"]
    listed = clinic.staff.get("/api/appointments", roomId=room["id"]).json
    assert [row["id"] for row in listed["appointments"]] == [booked["id"]]
    assert clinic.staff.patch(own, {"status": "cancelled"}).status == 200
    assert clinic.staff.patch(path, {"roomId": room["id"]}).json["roomId"] == room["id"]
    reopened = clinic.staff.patch(own, {"status": "scheduled"})
    assert (reopened.status, reopened.json) == (409, ROOM_TAKEN)
    assert clinic.admin.request("DELETE", f"{PATH}/{room['id']}").status == 409


def test_restored_visit_needs_its_room(clinic, room):
    start = fresh_slot()
    booked = book(clinic, date=start, roomId=room["id"]).json
    path = f"/api/appointments/{booked['id']}"
    assert clinic.staff.request("DELETE", path, json={"reason": "By mistake"}).status == 200
    assert book(clinic, doctorId=clinic.hire("doctor").id, date=start, roomId=room["id"]).status == 201
    refused = clinic.staff.post(f"{path}/restore", {})
    assert (refused.status, refused.json) == (409, ROOM_TAKEN)


def test_room_is_one_of_the_office_and_in_use(clinic, room):
    foreign = clinic.elsewhere.admin.post("/api/offices", {"name": "There"}).json["id"]
    foreign = clinic.elsewhere.admin.post(PATH, {"name": "Room 1", "officeId": foreign}).json["id"]
    for unknown in (NOBODY, foreign):
        assert book(clinic, roomId=unknown).status == 404
        assert clinic.admin.get(f"{PATH}/{unknown}").status == 404
    west = clinic.admin.post("/api/offices", {"name": "West"}).json["id"]
    refused = book(clinic, roomId=room["id"], officeId=west)
    assert (refused.status, list(refused.json["errors"])) == (400, ["roomId"])
    booked = book(clinic, roomId=room["id"], date="2031-05-05T09:00").json
    assert booked["date"] == "2031-05-05T14:00:00Z"  # nine in Chicago, where the room is
    path = f"/api/appointments/{booked['id']}"
    assert list(clinic.staff.patch(path, {"officeId": west}).json["errors"]) == ["roomId"]
    assert clinic.staff.patch(path, {"officeId": west, "roomId": None}).json["officeId"] == west
    assert clinic.staff.patch(path, {"roomId": room["id"]}).json["officeId"] == room["officeId"]
    clinic.admin.patch(f"{PATH}/{room['id']}", {"active": False})
    assert book(clinic, roomId=room["id"]).status == 409
    assert clinic.staff.patch(path, {"notes": "Keeps its room"}).json["roomId"] == room["id"]


def test_patient_does_not_choose_the_room_and_is_not_held_by_it(clinic, room):
    patient = clinic.hire("patient")
    chart = clinic.chart_of(patient)
    assert try_to_book(clinic, patient, chart, roomId=room["id"]).status == 403
    booked = try_to_book(clinic, clinic.staff, chart, roomId=room["id"]).json
    path = f"/api/appointments/{booked['id']}"
    assert patient.patch(path, {"roomId": None}).status == 403
    moved = patient.patch(path, {"date": later(booked["date"], 60)})
    assert (moved.status, "roomId" in moved.json) == (200, False)


def test_history_tells_of_another_room(clinic, office, room):
    booked = book(clinic, roomId=room["id"]).json
    other = clinic.admin.post(PATH, {"name": "Room 2", "officeId": room["officeId"]}).json["id"]
    path = f"/api/appointments/{booked['id']}"
    assert clinic.staff.patch(path, {"roomId": other}).status == 200
    change = clinic.staff.get(f"{path}/history").json["history"][0]
    assert (change["what"], change["details"]) == ("moved", {"moved": {"roomId": {"from": room["id"], "to": other}}})
