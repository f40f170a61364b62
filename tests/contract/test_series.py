"""/api/appointments/series, and PATCH /api/appointments/:id with `scope`."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appointments.series.recurrence import is_too_long, occurrences
from tests.contract.clinic import NOBODY
from tests.sampling import examples

PATH = "/api/appointments/series"
ZONE = ZoneInfo("America/New_York")
WEEKLY = {"date": "2031-03-03T10:00", "reason": "Exercises", "unit": "week", "count": 4}  # clocks go forward on March 9
LOCAL_TIMES = st.datetimes(datetime.fromisoformat("2030-01-01"), datetime.fromisoformat("2034-12-31"))
TAKEN = "The doctor has another appointment at this time."


@pytest.fixture
def doctor(clinic):
    clinic.admin.patch("/api/practice", {"timezone": "America/New_York"})
    return clinic.hire("doctor")


@pytest.fixture
def body(clinic, doctor):
    return {**WEEKLY, "doctorId": doctor.id, "patientId": clinic.chart()["id"]}


def local(moment):
    return datetime.fromisoformat(moment).astimezone(ZONE).strftime("%m-%d %H:%M")


def booked(clinic, body, **fields):
    answer = clinic.staff.post(PATH, {**body, **fields})
    assert answer.status == 201, answer
    return [one["appointmentId"] for one in answer.json["occurrences"] if "appointmentId" in one]


def shown(clinic, ids):
    return [clinic.staff.get(f"/api/appointments/{pk}").json for pk in ids]


def times(clinic, ids):
    return [local(visit["date"]) for visit in shown(clinic, ids)]


def book_one(clinic, body, date, **fields):
    one = {name: body[name] for name in ("doctorId", "patientId", "reason")}
    return clinic.staff.post("/api/appointments", {**one, "date": date, **fields})


def test_series_keeps_its_local_time_and_each_visit_is_an_appointment(clinic, body):
    ids = booked(clinic, body, every=2)

    visits = shown(clinic, ids)
    assert [local(visit["date"]) for visit in visits] == ["03-03 10:00", "03-17 10:00", "03-31 10:00", "04-14 10:00"]
    assert [visit["date"][11:16] for visit in visits] == ["15:00", "14:00", "14:00", "14:00"]
    (series,) = {visit["seriesId"] for visit in visits}
    listed = clinic.staff.get("/api/appointments", seriesId=series).json
    assert [row["id"] for row in listed["appointments"]] == ids[::-1]
    assert "seriesId" not in clinic.booking(chart=body["patientId"])


def test_dry_run_answers_what_would_come_of_it_and_books_nothing(clinic, body):
    assert book_one(clinic, body, "2031-03-10T10:15").status == 201
    before = clinic.staff.get("/api/appointments", patientId=body["patientId"]).json["total"]
    plan = clinic.staff.post(PATH, {**body, "dryRun": True})

    found = plan.json["occurrences"]
    assert (plan.status, [one["conflict"] for one in found]) == (200, [None, TAKEN, None, None])
    assert [local(one["date"]) for one in found] == ["03-03 10:00", "03-10 10:00", "03-17 10:00", "03-24 10:00"]
    assert not any("appointmentId" in one for one in found)
    assert clinic.staff.get("/api/appointments", patientId=body["patientId"]).json["total"] == before
    accesses = clinic.admin.get(f"/api/patients/{body['patientId']}/accesses").json["accesses"]
    assert accesses[0]["event"] == "appointment.listed"


def test_conflicts_refuse_all_or_are_left_out(clinic, body):
    assert book_one(clinic, body, "2031-03-10T10:15").status == 201
    refused = clinic.staff.post(PATH, body)

    assert refused.status == 409
    assert [one["conflict"] for one in refused.json["occurrences"]] == [None, TAKEN, None, None]
    assert clinic.staff.get("/api/appointments", patientId=body["patientId"]).json["total"] == 1
    assert times(clinic, booked(clinic, body, skipConflicts=True)) == ["03-03 10:00", "03-17 10:00", "03-24 10:00"]
    again = clinic.staff.post(PATH, {**body, "skipConflicts": True})  # nothing is left to book
    assert (again.status, {one["conflict"] for one in again.json["occurrences"]}) == (409, {TAKEN})


def test_patient_elsewhere_and_hours_are_warnings(clinic, doctor, body):
    clinic.booking(chart=body["patientId"], date="2031-03-17T14:00:00Z")  # with another doctor
    hours = {"doctorId": doctor.id, "weekday": 0, "start": "10:00", "end": "12:00", "validTo": "2031-03-20"}
    assert clinic.admin.post("/api/working-hours", hours).status == 201
    found = clinic.staff.post(PATH, {**body, "dryRun": True}).json["occurrences"]
    assert [one["warnings"] for one in found] == [
        [],
        [],
        ["the patient has another visit then"],
        ["outside working hours"],
    ]
    assert {one["conflict"] for one in found} == {None}

    refused = clinic.staff.post(PATH, {**body, "allowOverlap": False}).json["occurrences"]
    assert [one["conflict"] for one in refused].count(None) == 3 and "another appointment" in refused[2]["conflict"]
    assert len(booked(clinic, body, allowOverlap=True)) == 4


NO_SERIES = [
    ({"count": 1}, 400, "count"),
    ({"count": 101}, 400, "count"),
    ({"count": 10**30}, 400, "count"),
    ({"until": "2031-04-01"}, 400, "count"),  # both
    ({"count": None}, 400, "count"),
    ({"count": None, "until": "2031-03-02"}, 400, "until"),
    ({"unit": "day", "count": None, "until": "2031-12-31"}, 400, "until"),  # more than 100
    ({"unit": "month", "count": 26}, 400, "count"),  # beyond two years
    ({"unit": "year"}, 400, "unit"),
    ({"every": 0}, 400, "every"),
    ({"every": "two"}, 400, "every"),
    ({"date": "2031-03-09T02:30"}, 400, "date"),  # the clocks skip it
    ({"date": "2099-12-25T10:00"}, 400, "count"),
    ({"date": "9999-12-31T10:00"}, 400, "date"),
    ({"date": "2020-01-06T10:00"}, 400, "date"),
    ({"interval": 2}, 400, "interval"),
    ({"doctorId": NOBODY}, 404, None),
    ({"patientId": NOBODY}, 404, None),
    ({"officeId": NOBODY}, 404, None),
    ({"typeId": NOBODY}, 404, None),
]


def test_what_makes_no_series_is_refused_and_named(subtests, clinic, body):
    for changes, status, named in NO_SERIES:
        with subtests.test(changes=changes):
            sent = {name: value for name, value in {**body, **changes}.items() if value is not None}
            answer = clinic.staff.post(PATH, sent)
            assert (answer.status, next(iter(answer.json.get("errors", {})), None)) == (status, named)
    assert clinic.staff.get("/api/appointments", patientId=body["patientId"]).json["total"] == 0


def test_chart_of_another_practice_and_a_patient_are_refused(clinic, body):
    assert clinic.staff.post(PATH, {**body, "patientId": clinic.elsewhere.foreign_chart["id"]}).status == 404
    assert clinic.patient.post(PATH, {**body, "patientId": clinic.chart_of(clinic.patient)}).status == 403


def test_time_that_the_clocks_skip_later_is_a_conflict_of_that_visit(clinic, body):
    found = clinic.staff.post(PATH, {**body, "date": "2031-03-02T02:30", "dryRun": True}).json["occurrences"]
    assert [one["conflict"] is None for one in found] == [True, False, True, True]
    assert "clocks go forward" in found[1]["conflict"]


def test_following_visits_move_by_days_and_to_a_local_time(clinic, body):
    first, second, third, fourth = booked(clinic, body)
    changed = clinic.staff.patch(
        f"/api/appointments/{second}", {"date": "2031-03-12T11:30", "reason": "Massage", "scope": "following"}
    )

    assert (changed.status, changed.json["id"], local(changed.json["date"])) == (200, second, "03-12 11:30")
    assert times(clinic, [first, second, third, fourth]) == ["03-03 10:00", "03-12 11:30", "03-19 11:30", "03-26 11:30"]
    assert [row["reason"] for row in shown(clinic, [first, fourth])] == ["Exercises", "Massage"]


def test_all_move_onto_each_others_days(clinic, body):
    ids = booked(clinic, body, unit="day")
    for target, expected in (("2031-03-05T10:00", "03-04 10:00"), ("2031-03-04T10:00", "03-03 10:00")):
        assert clinic.staff.patch(f"/api/appointments/{ids[1]}", {"date": target, "scope": "all"}).status == 200
        assert times(clinic, ids)[0] == expected


def test_what_was_changed_by_itself_keeps_that(clinic, body):
    first, second, third, _ = booked(clinic, body)
    clinic.staff.patch(f"/api/appointments/{second}", {"date": "2031-03-11T15:00"})
    clinic.staff.patch(f"/api/appointments/{third}", {"reason": "Re-examination"})
    change = {"date": "2031-03-03T09:00", "reason": "Massage", "minutes": 45, "scope": "all"}
    assert clinic.staff.patch(f"/api/appointments/{first}", change).status == 200

    visits = shown(clinic, [first, second, third])
    assert [local(visit["date"]) for visit in visits] == ["03-03 09:00", "03-11 15:00", "03-17 09:00"]
    assert [visit["reason"] for visit in visits] == ["Massage", "Massage", "Re-examination"]
    ends = [local(visit["endsAt"]) for visit in visits]
    assert ends == ["03-03 09:45", "03-11 15:45", "03-17 09:45"]
    clinic.staff.patch(f"/api/appointments/{first}", {"date": "2031-03-03T08:00", "scope": "all"})  # may move again
    assert times(clinic, [first, second, third]) == ["03-03 08:00", "03-11 15:00", "03-17 08:00"]


def test_cancelling_some_leaves_what_is_over_or_completed(clinic, body):
    today = datetime.now(UTC).astimezone(ZONE).date()
    start = f"{today - timedelta(days=2)}T00:05"
    ids = booked(clinic, body, date=start, unit="day", allowPast=True)
    assert clinic.staff.patch(f"/api/appointments/{ids[0]}", {"status": "completed"}).status == 200
    refused = clinic.staff.patch(f"/api/appointments/{ids[1]}", {"status": "cancelled", "scope": "all"})
    assert refused.status == 409  # yesterday's
    assert clinic.staff.patch(f"/api/appointments/{ids[3]}", {"status": "cancelled", "scope": "all"}).status == 200
    assert [row["status"] for row in shown(clinic, ids)] == ["completed", "scheduled", "scheduled", "cancelled"]


BAD_CHANGES = [
    ({"status": "completed"}, 400),
    ({"scope": "everything", "reason": "Massage"}, 400),
    ({"version": 7, "reason": "Massage"}, 409),
    ({"doctorId": NOBODY}, 404),
    ({"date": "2031-03-09T02:30"}, 400),
    ({}, 400),
]


def test_bad_change_of_several_changes_none(subtests, clinic, body):
    first, *_ = ids = booked(clinic, body)
    for change, status in BAD_CHANGES:
        with subtests.test(change=change):
            answer = clinic.staff.patch(f"/api/appointments/{first}", {"scope": "all", **change})
            assert answer.status == status
    assert {(row["status"], row["reason"]) for row in shown(clinic, ids)} == {("scheduled", "Exercises")}


def test_conflict_of_one_refuses_the_change_of_all_and_says_which(clinic, body):
    ids = booked(clinic, body)
    assert book_one(clinic, body, "2031-03-18T10:00").status == 201
    answer = clinic.staff.patch(f"/api/appointments/{ids[0]}", {"date": "2031-03-04T10:00", "scope": "all"})

    assert answer.status == 409
    assert [one["conflict"] for one in answer.json["occurrences"]] == [None, None, TAKEN, None]
    assert times(clinic, ids) == ["03-03 10:00", "03-10 10:00", "03-17 10:00", "03-24 10:00"]


def test_single_appointment_has_no_following_ones(clinic, body):
    single = book_one(clinic, body, "2031-03-18T10:00").json
    answer = clinic.staff.patch(f"/api/appointments/{single['id']}", {"reason": "Massage", "scope": "all"})
    assert (answer.status, list(answer.json["errors"])) == (400, ["scope"])
    whole = clinic.staff.patch(f"/api/appointments/{single['id']}", single)
    assert whole.status == 200


def test_patient_cancels_the_rest_of_their_own_series_and_nobody_elses(clinic, body):
    body |= {"patientId": clinic.chart_of(clinic.patient)}
    ids = booked(clinic, body)
    change = {"status": "cancelled", "scope": "following"}
    stranger = clinic.hire("patient")
    assert stranger.patch(f"/api/appointments/{ids[1]}", change).status == 404
    assert clinic.patient.patch(f"/api/appointments/{ids[1]}", change).status == 200
    assert [row["status"] for row in shown(clinic, ids)] == ["scheduled", "cancelled", "cancelled", "cancelled"]


def test_room_that_is_taken_is_a_conflict_and_history_tells_of_the_series(clinic, body):
    office = clinic.admin.post("/api/offices", {"name": "West", "timezone": "America/Chicago"}).json["id"]
    room, other = (clinic.admin.post("/api/rooms", {"name": name, "officeId": office}).json["id"] for name in "AB")
    elsewhere = {"doctorId": clinic.hire("doctor").id, "patientId": clinic.chart()["id"], "reason": "Gait"}
    taken = {**elsewhere, "date": "2031-03-10T10:00", "roomId": room}  # at the time of the room's office
    assert clinic.staff.post("/api/appointments", taken).status == 201
    ids = booked(clinic, body, roomId=room, skipConflicts=True)
    assert [(row["roomId"], row["officeId"]) for row in shown(clinic, ids)] == [(room, office)] * 3
    assert times(clinic, ids)[0] == "03-03 11:00"

    refused = clinic.staff.post(PATH, {**body, "roomId": other}).json["occurrences"]
    assert {one["conflict"] for one in refused} == {None, TAKEN} and refused[1]["conflict"] is None
    change = {"roomId": other, "scope": "following"}
    assert clinic.staff.patch(f"/api/appointments/{ids[1]}", change).status == 200
    assert [row["roomId"] for row in shown(clinic, ids)] == [room, other, other]
    change = {"status": "cancelled", "cancelReason": "practice", "scope": "all"}
    assert clinic.staff.patch(f"/api/appointments/{ids[0]}", change).status == 200
    for row in shown(clinic, ids):
        assert row["cancelledAt"] and row["cancelReason"] == "practice"
        events = clinic.staff.get(f"/api/appointments/{row['id']}/history").json["history"]
        assert {"booked", "cancelled"} <= {event["what"] for event in events}


@settings(max_examples=examples(300, 60), deadline=None, database=None)
@given(
    first=LOCAL_TIMES,
    every=st.integers(1, 12),
    unit=st.sampled_from(["day", "week", "month"]),
    count=st.integers(2, 100),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_every_series_is_in_order_at_one_time_of_day(first, every, unit, count, zone):
    """Over both clock changes of any year, in local time."""
    found = occurrences(first, every=every, unit=unit, count=count)

    assert len(found) == count and found[0] == first
    assert {moment.time() for moment in found} == {first.time()}
    days = [moment.date() for moment in found]
    assert days == sorted(set(days))
    if unit == "month":
        steps = {(later.year - earlier.year) * 12 + later.month - earlier.month for earlier, later in pairwise(days)}
        assert steps == {every}
        assert all(day.day == first.day or (day + timedelta(days=1)).day == 1 for day in days)
    else:
        assert {later - earlier for earlier, later in pairwise(days)} == {
            timedelta(every * (7 if unit == "week" else 1))
        }
    until = occurrences(first, every=every, unit=unit, until=days[-1])
    assert until == found or is_too_long(until)


def test_31st_falls_on_the_last_day_of_a_shorter_month():
    found = occurrences(datetime.fromisoformat("2031-10-31T09:00"), every=1, unit="month", until=date(2032, 3, 31))
    assert [f"{moment:%m-%d}" for moment in found] == ["10-31", "11-30", "12-31", "01-31", "02-29", "03-31"]
