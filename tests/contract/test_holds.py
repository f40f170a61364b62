"""/api/holds: a slot is kept while somebody fills the form."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tests.contract.clinic import NOBODY, fresh_slot, later, try_to_book

PATH = "/api/holds"


@pytest.fixture
def chart(clinic):
    return clinic.chart()["id"]


@pytest.fixture
def slot(clinic):
    return {"doctorId": clinic.doctor.id, "date": fresh_slot()}


@pytest.fixture
def held(clinic, slot):
    answer = clinic.staff.post(PATH, slot)
    assert answer.status == 201, answer
    return answer.json


def expire(monkeypatch):
    now = timezone.now() + timedelta(minutes=3, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: now)


def test_slot_is_held_for_three_minutes(clinic, slot, held):
    lasts = datetime.fromisoformat(held["expiresAt"]) - timezone.now()
    assert timedelta(minutes=2) < lasts <= timedelta(minutes=3)
    assert held == {
        "id": held["id"],
        **slot,
        "endsAt": later(slot["date"]),
        "warnings": [],
        "expiresAt": held["expiresAt"],
    }


def test_others_neither_book_nor_hold_it_until_it_is_released(clinic, chart, slot, held):
    other = clinic.hire("staff")
    start = datetime.fromisoformat(slot["date"])
    overlapping = {**slot, "date": (start + timedelta(minutes=15)).isoformat()}
    for caller in (other, clinic.doctor, clinic.staff):  # the holder too: the form names the hold
        assert try_to_book(clinic, caller, chart, **overlapping).status == 409
        assert caller.post(PATH, overlapping).status == 409
    assert try_to_book(clinic, other, chart, **slot, holdId=held["id"]).status == 404  # not theirs
    assert other.request("DELETE", f"{PATH}/{held['id']}").status == 404
    booked = try_to_book(clinic, other, chart, **slot | {"date": (start + timedelta(minutes=30)).isoformat()})
    assert booked.status == 201  # back to back
    moved = other.patch(f"/api/appointments/{booked.json['id']}", {"date": overlapping["date"]})
    assert moved.status == 409
    assert clinic.staff.request("DELETE", f"{PATH}/{held['id']}").status == 204
    assert clinic.staff.request("DELETE", f"{PATH}/{held['id']}").status == 404
    assert other.patch(f"/api/appointments/{booked.json['id']}", {"date": slot["date"]}).status == 200


def test_holder_books_through_it_once(clinic, chart, slot, held):
    assert try_to_book(clinic, clinic.staff, chart, **slot, holdId=held["id"]).status == 201
    again = {**slot, "date": fresh_slot(), "holdId": held["id"]}
    assert try_to_book(clinic, clinic.staff, chart, **again).status == 404
    assert clinic.staff.post(PATH, slot).status == 409  # taken now


def test_first_visit_of_a_series_is_booked_through_it(clinic, chart, slot, held):
    body = {**slot, "patientId": chart, "reason": "Exercises", "unit": "week", "count": 2, "holdId": held["id"]}
    for dry in (True, False):
        answer = clinic.staff.post("/api/appointments/series", {**body, "dryRun": dry})
        assert [one["conflict"] for one in answer.json["occurrences"]] == [None, None]


def test_expired_hold_blocks_nobody_and_its_form_can_still_be_sent(clinic, chart, slot, held, monkeypatch):
    expire(monkeypatch)
    assert clinic.doctor.post(PATH, slot).status == 201  # somebody else's now
    assert try_to_book(clinic, clinic.staff, chart, **slot, holdId=held["id"]).status == 409
    expire(monkeypatch)
    assert try_to_book(clinic, clinic.staff, chart, **slot, holdId=held["id"]).status == 201


def test_held_time_is_not_offered_with_the_time_kept_free_around_it(clinic, slot):
    kind = clinic.admin.post("/api/appointment-types", {"name": "Long", "minutes": 60, "bufferAfter": 15}).json
    query = {"doctorId": slot["doctorId"], "typeId": kind["id"], "from": slot["date"], "to": later(slot["date"], 120)}
    before = [one["start"] for one in clinic.patient.get("/api/availability", **query).json["slots"]]
    assert clinic.staff.post(PATH, {**slot, "typeId": kind["id"]}).status == 201
    after = [one["start"] for one in clinic.patient.get("/api/availability", **query).json["slots"]]
    assert before[0] == slot["date"] and after[0] == later(slot["date"], 75)


def test_patient_holds_what_is_offered_and_books_it(clinic, slot):
    own = clinic.chart_of(clinic.patient)
    assert clinic.patient.post(PATH, {**slot, "minutes": 60}).status == 403
    far = {**slot, "date": "2090-01-01T10:00:00Z"}
    assert clinic.patient.post(PATH, far).status == 409
    held = clinic.patient.post(PATH, slot).json
    assert try_to_book(clinic, clinic.staff, own, **slot).status == 409
    assert try_to_book(clinic, clinic.patient, own, **slot, holdId=held["id"]).status == 201


def test_patient_holds_nothing_that_they_could_not_book(clinic, slot):
    patient, colleague = clinic.hire("patient"), clinic.hire("doctor")
    own = clinic.chart_of(patient)
    assert try_to_book(clinic, patient, own, **slot).status == 201
    elsewhere = patient.post(PATH, {**slot, "doctorId": colleague.id})
    assert (elsewhere.status, elsewhere.json["detail"]) == (409, "You have another appointment at this time.")
    clinic.admin.patch("/api/practice", {"maxUpcomingAppointments": 1})
    assert patient.post(PATH, {**slot, "date": fresh_slot()}).status == 409
    clinic.admin.patch("/api/practice", {"maxUpcomingAppointments": 100})
    assert patient.post(PATH, {**slot, "date": fresh_slot()}).status == 201


def test_at_most_three_at_a_time(clinic, slot, held):
    dates = [fresh_slot() for _ in range(3)]
    assert [clinic.staff.post(PATH, {**slot, "date": date}).status for date in dates] == [201, 201, 409]
    assert clinic.doctor.post(PATH, {**slot, "date": dates[2]}).status == 201


def test_deleted_or_cancelled_visit_does_not_come_back_into_a_held_slot(clinic, chart, slot):
    path = f"/api/appointments/{clinic.booking(chart=chart, date=slot['date'])['id']}"
    assert clinic.staff.patch(path, {"status": "cancelled"}).status == 200
    held = clinic.doctor.post(PATH, slot).json
    assert clinic.staff.post(f"{path}/undo").status == 409
    clinic.doctor.request("DELETE", f"{PATH}/{held['id']}")
    assert clinic.staff.post(f"{path}/undo").status == 200
    assert clinic.admin.request("DELETE", path, json={"reason": "By mistake"}).status == 200
    held = clinic.staff.post(PATH, slot).json
    assert clinic.admin.post(f"{path}/restore").status == 409
    clinic.staff.request("DELETE", f"{PATH}/{held['id']}")
    assert clinic.admin.post(f"{path}/restore").status == 200


BAD = [
    ({"doctorId": NOBODY}, 404),
    ({"typeId": NOBODY}, 404),
    ({"officeId": NOBODY}, 404),
    ({"date": "2020-01-06T10:00:00Z"}, 400),
    ({"date": "tomorrow"}, 400),
    ({"date": None}, 400),
    ({"minutes": 10**9}, 400),
    ({"minutes": 1}, 400),
    ({"patientId": NOBODY}, 400),
    ({"doctorId": ["x"]}, 400),
]


def test_what_cannot_be_held_is_refused(subtests, clinic, slot, held):
    for changes, status in BAD:
        with subtests.test(changes=changes):
            assert clinic.doctor.post(PATH, {**slot, "date": fresh_slot(), **changes}).status == status
    foreign = clinic.elsewhere.foreign_booking["doctorId"]
    assert clinic.doctor.post(PATH, {**slot, "doctorId": foreign}).status == 404
    assert clinic.elsewhere.staff.request("DELETE", f"{PATH}/{held['id']}").status == 404
    for role, status in (("admin", 403), ("billing", 403)):
        assert clinic.as_role(role).post(PATH, slot).status == status
