"""/api/calendar-feed: one's own calendar for calendar programs, read back by two parsers that know nothing of ours."""

from datetime import UTC, datetime, timedelta

import icalendar
import pytest
import vobject

from tests.contract.clinic import later

PATH = "/api/calendar-feed"


@pytest.fixture
def doctor(clinic):
    clinic.admin.patch("/api/practice", {"timezone": "America/New_York"})
    return clinic.hire("doctor")


def in_days(days):
    moment = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def address_of(caller):
    answer = caller.post(PATH)
    assert answer.status == 201, answer
    return "/api/" + answer.json["url"].partition("/api/")[2]


def read(clinic, address):
    answer = clinic.anonymous.get(address, headers={"Accept": "text/calendar"})
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return answer.body.decode()


def events(text):
    return {event["UID"].partition("@")[0]: event for event in icalendar.Calendar.from_ical(text).events}


def test_doctor_reads_when_they_are_busy_and_of_no_patient(clinic, doctor):
    massage = clinic.admin.post("/api/appointment-types", {"name": "Massage", "minutes": 50}).json["id"]
    chart = clinic.chart(name="Zenobia Quill")["id"]
    of = {"chart": chart, "doctor": doctor.id, "reason": "Sciatica", "notes": "Limps"}
    plain, typed = clinic.booking(**of, date=in_days(3)), clinic.booking(**of, date=in_days(-3), typeId=massage)
    for days in (-31, 367):
        clinic.booking(**of, date=in_days(days))
    clinic.booking(chart=chart)  # a colleague's
    text = read(clinic, address_of(doctor))

    found = events(text)
    assert {pk: str(event["SUMMARY"]) for pk, event in found.items()} == {plain["id"]: "Busy", typed["id"]: "Massage"}
    assert not [word for word in ("Zenobia", "Quill", "Sciatica", "Limps", chart) if word in text]
    start = found[plain["id"]]["DTSTART"]
    assert start.params["TZID"] == "America/New_York"
    assert start.dt.astimezone(UTC) == datetime.fromisoformat(plain["date"])


def test_second_parser_reads_the_same_times_over_clock_changes(clinic, doctor):
    chart = clinic.chart()["id"]
    dates = [in_days(days) for days in range(1, 366, 60)]
    booked = [clinic.booking(chart=chart, doctor=doctor.id, date=date) for date in dates]
    calendar = vobject.readOne(read(clinic, address_of(doctor)))

    assert calendar.vtimezone.tzid.value == "America/New_York"
    times = sorted(
        (event.dtstart.value.astimezone(UTC), event.dtend.value.astimezone(UTC)) for event in calendar.vevent_list
    )
    expected = [(visit["date"], later(visit["date"])) for visit in booked]
    assert times == [tuple(datetime.fromisoformat(moment) for moment in pair) for pair in expected]


@pytest.mark.parametrize(
    ("zone", "first", "second"),
    [
        ("America/New_York", "2031-11-02T05:30:00Z", "2031-11-02T06:30:00Z"),
        ("Australia/Lord_Howe", "2031-04-05T14:40:00Z", "2031-04-05T15:10:00Z"),  # clocks go back by half an hour
    ],
)
def test_both_of_two_hours_that_read_the_same_are_told_apart(clinic, doctor, monkeypatch, zone, first, second):
    clinic.admin.patch("/api/practice", {"timezone": zone})
    chart = clinic.chart()["id"]
    booked = [clinic.booking(chart=chart, doctor=doctor.id, date=date, minutes=30) for date in (first, second)]
    address = address_of(doctor)
    week_before = datetime.fromisoformat(first) - timedelta(days=7)
    monkeypatch.setattr("appointments.feeds.services.timezone.now", lambda: week_before)
    calendar = vobject.readOne(read(clinic, address))

    times = sorted(event.dtstart.value.astimezone(UTC) for event in calendar.vevent_list)
    assert times == [datetime.fromisoformat(visit["date"]) for visit in booked]


def test_change_keeps_the_uid_and_counts_and_a_cancelled_one_says_so(clinic, doctor):
    booked = clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id, date=in_days(3))
    address, path = address_of(doctor), f"/api/appointments/{booked['id']}"
    seen = []
    for change in ({}, {"date": in_days(4)}, {"status": "cancelled"}):
        if change:
            assert clinic.staff.patch(path, change).status == 200
        event = events(read(clinic, address))[booked["id"]]
        seen.append((int(event["SEQUENCE"]), str(event["STATUS"])))
    assert seen == [(1, "CONFIRMED"), (2, "CONFIRMED"), (3, "CANCELLED")]


def test_patient_reads_their_own_visits_with_the_practice(clinic, doctor):
    patient, other = clinic.hire("patient"), clinic.hire("patient")
    clinic.admin.patch("/api/practice", {"name": "Demo"})
    mine = clinic.booking(chart=clinic.chart_of(patient), doctor=doctor.id, date=in_days(2), reason="Sciatica")
    clinic.booking(chart=clinic.chart_of(other), doctor=doctor.id, date=in_days(3))
    text = read(clinic, address_of(patient))

    (event,) = events(text).values()
    assert (str(event["UID"]), str(event["SUMMARY"])[:13]) == (f"{mine['id']}@praxis", "Appointment, ")
    assert "Sciatica" not in text
    accesses = clinic.admin.get(f"/api/patients/{clinic.chart_of(patient)}/accesses").json["accesses"]
    assert "appointment.feed_read" in [one["event"] for one in accesses]


def test_address_works_until_it_is_replaced_or_its_person_is_gone(subtests, clinic, doctor):
    first = address_of(doctor)
    second = address_of(doctor)
    assert clinic.anonymous.get(first).status == 404
    assert read(clinic, second)
    wrong = ["x", "A" * 75, "A" * 76, "ä", "%00", second.rpartition("/")[2][:-6] + "AA", "../", "A" * 5000]
    for token in wrong:
        with subtests.test(token=token[:80]):
            assert clinic.anonymous.get(f"{PATH}/{token}.ics").status in (400, 404)
    for role in ("admin", "staff", "billing"):
        assert clinic.as_role(role).post(PATH).status == 403
    clinic.admin.patch(f"/api/users/{doctor.id}", {"isActive": False})
    assert clinic.anonymous.get(second).status == 404
    clinic.admin.patch(f"/api/users/{doctor.id}", {"isActive": True})
    assert read(clinic, second)
    patient = clinic.hire("patient")
    own = address_of(patient)
    for _ in range(2):
        assert patient.request("DELETE", PATH).status == 204
    assert clinic.anonymous.get(own).status == 404


def test_guessing_is_limited_like_every_anonymous_call(clinic, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 3
    statuses = [clinic.anonymous.get(f"{PATH}/{'A' * 75}.ics").status for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
