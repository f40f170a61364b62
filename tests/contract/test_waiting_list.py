"""/api/waiting-list: who waits, whom a free slot suits, offers of it."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tests.contract.clinic import NOBODY, fresh_slot, later, try_to_book

PATH = "/api/waiting-list"
MONDAY = "2031-01-06T10:00:00Z"


@pytest.fixture
def doctor(clinic):
    return clinic.hire("doctor")


@pytest.fixture
def massage(clinic):
    return clinic.admin.post("/api/appointment-types", {"name": "Massage", "minutes": 50}).json["id"]


def waiting(clinic, chart=None, **fields):
    answer = clinic.staff.post(PATH, {"patientId": chart or clinic.chart()["id"], **fields})
    assert answer.status == 201, answer
    return answer.json


def fitting(clinic, doctor, date=MONDAY, **asked):
    answer = clinic.staff.get(f"{PATH}/matches", doctorId=doctor.id, date=date, **asked)
    assert answer.status == 200, answer
    return [one["id"] for one in answer.json["matches"]]


def offered(clinic, doctor, entry, date=MONDAY, **fields):
    answer = clinic.staff.post(f"{PATH}/{entry['id']}/offers", {"doctorId": doctor.id, "date": date, **fields})
    assert answer.status == 201, answer
    return answer.json


def accept(caller, entry, offer, **body):
    return caller.post(f"{PATH}/{entry['id']}/offers/{offer['id']}/accept", body)


def state(clinic, entry):
    return clinic.staff.get(f"{PATH}/{entry['id']}").json["state"]


def in_minutes(monkeypatch, minutes):
    now = timezone.now() + timedelta(minutes=minutes)
    monkeypatch.setattr(timezone, "now", lambda: now)


def test_patient_is_put_on_the_list_changed_and_withdrawn(clinic, doctor, massage):
    wishes = {"typeId": massage, "doctorIds": [doctor.id], "weekdays": [0, 2], "earliest": "09:00", "latest": "12:30"}
    entry = waiting(clinic, **wishes, firstDay="2031-01-01", priority=1, note="After surgery")
    assert entry == {
        **wishes,
        "id": entry["id"],
        "patientId": entry["patientId"],
        "patientName": "Ada Lovelace",
        "firstDay": "2031-01-01",
        "lastDay": None,
        "priority": 1,
        "note": "After surgery",
        "state": "waiting",
        "since": entry["since"],
        "offers": [],
        "version": 1,
    }
    path = f"{PATH}/{entry['id']}"
    changed = clinic.doctor.patch(path, {"doctorIds": [], "weekdays": [], "latest": None}).json
    assert changed == {**entry, "doctorIds": [], "weekdays": [0, 1, 2, 3, 4, 5, 6], "latest": None, "version": 2}
    assert clinic.admin.patch(path, changed).json == changed  # the whole object sent back
    assert clinic.admin.request("DELETE", f"/api/appointment-types/{massage}").status == 409
    for _ in range(2):
        assert clinic.staff.post(f"{path}/withdraw").json["state"] == "withdrawn"
    assert clinic.staff.patch(path, {"priority": 2}).status == 409


def test_most_urgent_come_first_then_who_has_waited_longest(clinic):
    entries = [waiting(clinic, priority=priority)["id"] for priority in (3, 2, 1, 2)]
    expected = [entries[2], entries[1], entries[3], entries[0]]
    listed = clinic.staff.get(PATH).json
    assert [one["id"] for one in listed["waitingList"]] == expected and listed["total"] == 4
    first = clinic.staff.get(PATH, limit=3, cursor="").json
    rest = clinic.staff.get(PATH, limit=3, cursor=first["next"]).json
    assert [one["id"] for one in first["waitingList"] + rest["waitingList"]] == expected
    clinic.staff.post(f"{PATH}/{entries[0]}/withdraw")
    assert clinic.staff.get(PATH, state="withdrawn").json["total"] == 1
    assert clinic.staff.get(PATH).json["total"] == 3


def test_free_slot_shows_whom_it_suits(clinic, doctor, massage):
    """A Monday, 10:00, of `doctor`, where the practice's usual visit takes half an hour."""
    clinic.admin.patch("/api/practice", {"timezone": "UTC"})
    long = clinic.admin.post("/api/appointment-types", {"name": "Only another does it", "minutes": 50})
    clinic.admin.patch(f"/api/appointment-types/{long.json['id']}", {"doctorIds": [clinic.doctor.id]})
    suited = [
        {},
        {"doctorIds": [doctor.id, clinic.doctor.id]},
        {"weekdays": [0]},
        {"firstDay": "2031-01-06", "lastDay": "2031-01-06"},
        {"earliest": "10:00", "latest": "10:30"},
        {"typeId": massage},
    ]
    not_suited = [
        {"doctorIds": [clinic.doctor.id]},
        {"weekdays": [1, 2, 3, 4, 5, 6]},
        {"firstDay": "2031-01-07"},
        {"lastDay": "2031-01-05"},
        {"earliest": "10:01"},
        {"latest": "10:29"},
        {"typeId": massage, "latest": "10:45"},
        {"typeId": long.json["id"]},
    ]
    entries = [waiting(clinic, **wishes)["id"] for wishes in suited]
    for wishes in not_suited:
        waiting(clinic, **wishes)
    assert fitting(clinic, doctor) == entries
    assert fitting(clinic, doctor, minutes=30) == entries[:5]  # a massage takes 50
    assert fitting(clinic, doctor, minutes=15) == []
    patient = clinic.staff.get(f"{PATH}/{entries[0]}").json["patientId"]
    clinic.booking(chart=patient, date="2031-01-06T10:15:00Z")  # is with another doctor then
    assert fitting(clinic, doctor) == entries[1:]


def test_times_of_day_are_those_of_where_the_doctor_works_then(clinic, doctor):
    """Ten o'clock of the practice is seven in the morning where the doctor is on Mondays."""
    clinic.admin.patch("/api/practice", {"timezone": "America/New_York"})
    west = clinic.admin.post("/api/offices", {"name": "West", "timezone": "America/Los_Angeles"}).json["id"]
    hours = {"doctorId": doctor.id, "officeId": west, "weekday": 0, "start": "07:00", "end": "18:00"}
    assert clinic.admin.post("/api/working-hours", hours).status == 201
    entry = waiting(clinic, doctorIds=[doctor.id], earliest="09:00", latest="11:00")
    assert fitting(clinic, doctor, date="2031-01-06T15:00:00Z") == []
    assert entry["id"] in fitting(clinic, doctor, date="2031-01-06T18:00:00Z")


def test_first_to_accept_has_the_slot(clinic, doctor, massage):
    first, second = waiting(clinic), waiting(clinic, typeId=massage)
    offers = [offered(clinic, doctor, entry) for entry in (first, second)]
    assert [offer["endsAt"] for offer in offers] == [later(MONDAY, 30), later(MONDAY, 50)]
    assert [state(clinic, entry) for entry in (first, second)] == ["offered", "offered"]
    assert clinic.staff.get(PATH, state="offered").json["total"] == 2
    assert try_to_book(clinic, clinic.staff, first["patientId"], doctorId=doctor.id, date=MONDAY).status == 409
    booked = accept(clinic.doctor, second, offers[1])
    assert (booked.status, booked.json["patientId"], booked.json["endsAt"]) == (
        *(201, second["patientId"]),
        later(MONDAY, 50),
    )
    assert (booked.json["reason"], booked.json["typeId"]) == ("Massage", massage)
    history = clinic.staff.get(f"/api/appointments/{booked.json['id']}/history").json["history"]
    assert [event["by"]["id"] for event in history] == [str(clinic.doctor.id)]  # not the colleague who offered it
    late = accept(clinic.staff, first, offers[0])
    assert (late.status, late.json["detail"]) == (
        409,
        "This time isn't on offer any more. Someone else may have taken it.",
    )
    assert accept(clinic.staff, second, offers[1]).status == 409
    entry = clinic.staff.get(f"{PATH}/{second['id']}").json
    assert (entry["state"], entry["appointmentId"], entry["offers"]) == ("booked", booked.json["id"], [])
    assert state(clinic, first) == "waiting"
    assert clinic.staff.post(f"{PATH}/{second['id']}/withdraw").status == 409


def test_accepting_one_gives_the_other_slots_back(clinic, doctor):
    entry, other = waiting(clinic), waiting(clinic)
    one, two = offered(clinic, doctor, entry), offered(clinic, doctor, entry, date=later(MONDAY, 60))
    shared = offered(clinic, doctor, other, date=later(MONDAY, 60))
    assert accept(clinic.staff, entry, one, reason="Checkup").json["reason"] == "Checkup"
    assert accept(clinic.staff, entry, two).status == 409
    assert accept(clinic.staff, other, shared).status == 201  # still held for the other


def test_offer_expires_and_frees_the_slot(clinic, doctor, monkeypatch):
    entry, other = waiting(clinic), waiting(clinic)
    usual = offered(clinic, doctor, entry, date=later(MONDAY, 60))
    lasts = datetime.fromisoformat(usual["expiresAt"]) - timezone.now()
    assert timedelta(minutes=29) < lasts <= timedelta(minutes=30)
    clinic.staff.request("DELETE", f"{PATH}/{entry['id']}/offers/{usual['id']}")
    offer = offered(clinic, doctor, entry, minutes=2)
    offered(clinic, doctor, other, minutes=5)
    in_minutes(monkeypatch, 3)
    assert state(clinic, entry) == "waiting"
    assert accept(clinic.staff, entry, offer).status == 409
    book = {"doctorId": doctor.id, "date": MONDAY}
    assert try_to_book(clinic, clinic.staff, entry["patientId"], **book).status == 409  # kept for the other
    in_minutes(monkeypatch, 3)
    assert try_to_book(clinic, clinic.staff, entry["patientId"], **book).status == 201


def test_offer_is_taken_back_or_ends_with_the_entry(clinic, doctor):
    entry, other = waiting(clinic), waiting(clinic)
    offer, kept = offered(clinic, doctor, entry), offered(clinic, doctor, other)
    path = f"{PATH}/{entry['id']}/offers/{offer['id']}"
    assert clinic.staff.request("DELETE", path).status == 204
    assert accept(clinic.staff, entry, offer).status == 409
    hold = {"doctorId": doctor.id, "date": MONDAY}
    assert clinic.staff.post("/api/holds", hold).status == 409  # still offered to the other
    assert clinic.staff.post(f"{PATH}/{other['id']}/withdraw").status == 200
    assert accept(clinic.staff, other, kept).status == 409
    assert clinic.staff.post("/api/holds", hold).status == 201


def test_what_is_not_free_or_not_wanted_is_not_offered(clinic, doctor):
    entry = waiting(clinic)
    path = f"{PATH}/{entry['id']}/offers"
    slot = {"doctorId": doctor.id, "date": MONDAY}
    assert clinic.staff.post(path, {**slot, "date": (timezone.now() - timedelta(minutes=1)).isoformat()}).status == 400
    assert clinic.staff.post(path, {**slot, "minutes": 1441}).status == 400
    assert clinic.staff.post(path, {**slot, "doctorId": NOBODY}).status == 404
    assert clinic.staff.post(f"{PATH}/{NOBODY}/offers", slot).status == 404
    booked = clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id, date=MONDAY)
    assert clinic.staff.post(path, slot).status == 409
    clinic.staff.patch(f"/api/appointments/{booked['id']}", {"status": "cancelled"})
    held = clinic.doctor.post("/api/holds", {**slot, "date": later(MONDAY, 15)}).json
    assert clinic.staff.post(path, slot).status == 409  # somebody is booking it
    clinic.doctor.request("DELETE", f"/api/holds/{held['id']}")
    soon = offered(clinic, doctor, entry, date=(timezone.now() + timedelta(minutes=5)).isoformat())
    assert soon["expiresAt"] == soon["date"]
    assert clinic.staff.post(path, slot).status == 201
    assert clinic.staff.post(path, slot).status == 409  # twice


def test_patient_sees_accepts_and_withdraws_their_own_alone(clinic, doctor):
    own, stranger = clinic.hire("patient"), clinic.hire("patient")
    entry = waiting(clinic, chart=clinic.chart_of(own), note="Calls every day")
    offer = offered(clinic, doctor, entry)
    (shown,) = own.get(PATH).json["waitingList"]
    assert (shown["id"], shown["note"], len(shown["offers"])) == (entry["id"], None, 1)
    for caller in (stranger, clinic.elsewhere.staff):
        assert caller.get(PATH).json["total"] == 0
        assert caller.get(f"{PATH}/{entry['id']}").status == 404
        assert accept(caller, entry, offer).status == 404
        assert caller.post(f"{PATH}/{entry['id']}/withdraw").status == 404
    assert own.patch(f"{PATH}/{entry['id']}", {"priority": 1}).status == 403
    assert own.get(f"{PATH}/matches", doctorId=doctor.id, date=MONDAY).status == 403
    assert clinic.billing.get(PATH).status == 403
    assert accept(own, entry, offer).status == 201  # though it is years ahead, and they may book by themselves less far
    again = waiting(clinic, chart=clinic.chart_of(own))
    next_day = offered(clinic, doctor, again, date=later(MONDAY, 24 * 60))
    path = f"{PATH}/{again['id']}/offers/{next_day['id']}"
    assert stranger.request("DELETE", path).status == 404
    assert own.request("DELETE", path).status == 204  # they would rather not
    assert own.get(f"{PATH}/{again['id']}").json["state"] == "waiting"
    assert own.post(f"{PATH}/{again['id']}/withdraw").json["state"] == "withdrawn"


def test_note_of_a_restricted_chart_is_withheld(clinic):
    entry = waiting(clinic, note="Waits for a call")
    assert clinic.admin.request("PUT", f"/api/patients/{entry['patientId']}/restriction").status == 204
    shown = clinic.staff.get(f"{PATH}/{entry['id']}").json
    assert (shown["note"], shown["patientName"]) == (None, "Ada Lovelace")
    assert clinic.staff.patch(f"{PATH}/{entry['id']}", {"note": "Mine"}).status == 403


def test_deleted_chart_waits_no_more_and_its_slot_is_given_back(clinic, doctor):
    entry = waiting(clinic)
    chart = f"/api/patients/{entry['patientId']}"
    offered(clinic, doctor, entry)
    assert clinic.admin.request("DELETE", chart, json={"reason": "Opened twice"}).status == 200
    assert clinic.staff.get(f"{PATH}/{entry['id']}").status == 404
    assert clinic.staff.get(PATH).json["total"] == 0
    assert clinic.doctor.post("/api/holds", {"doctorId": doctor.id, "date": MONDAY}).status == 201
    clinic.admin.post(f"{chart}/restore")
    assert state(clinic, entry) == "withdrawn"


BAD = [
    ({"weekdays": [7]}, 400),
    ({"weekdays": "Monday"}, 400),
    ({"earliest": "9 o'clock"}, 400),
    ({"earliest": "12:00", "latest": "12:00"}, 400),
    ({"firstDay": "2031-02-01", "lastDay": "2031-01-31"}, 400),
    ({"firstDay": "tomorrow"}, 400),
    ({"priority": 0}, 400),
    ({"priority": 4}, 400),
    ({"note": "x" * 2001}, 400),
    ({"note": "\u0000"}, 400),
    ({"state": "booked"}, 400),
    ({"typeId": NOBODY}, 404),
    ({"doctorIds": [NOBODY]}, 404),
    ({"doctorIds": [NOBODY] * 101}, 400),
    ({"patientId": NOBODY}, 404),
    ({"patientId": None}, 400),
]


def test_what_cannot_be_waited_for_is_refused(subtests, clinic):
    chart = clinic.chart()["id"]
    for fields, status in BAD:
        with subtests.test(fields=fields):
            assert clinic.staff.post(PATH, {"patientId": chart, **fields}).status == status
    assert clinic.staff.post(PATH, {"patientId": clinic.elsewhere.foreign_chart["id"]}).status == 404
    waiting(clinic, chart)
    assert clinic.staff.post(PATH, {"patientId": chart}).status == 409  # twice
    for asked in ({"doctorId": NOBODY, "date": MONDAY}, {"doctorId": clinic.doctor.id, "date": fresh_slot()}):
        expected = 404 if asked["doctorId"] == NOBODY else 200
        assert clinic.staff.get(f"{PATH}/matches", **asked).status == expected
    assert clinic.staff.get(f"{PATH}/matches", doctorId=clinic.doctor.id).status == 400
