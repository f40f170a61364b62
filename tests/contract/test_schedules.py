"""/api/working-hours, /api/schedule-exceptions, /api/holidays and /api/availability."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.clinic import NOBODY, try_to_book

HOURS, EXCEPTIONS = "/api/working-hours", "/api/schedule-exceptions"
MONDAY, TUESDAY = "2031-01-06", "2031-01-07"


@pytest.fixture
def doctor(clinic):
    return clinic.hire("doctor")


@pytest.fixture
def hours(clinic, doctor):
    """Mondays from nine to noon, local time."""
    clinic.admin.patch("/api/practice", {"timezone": "America/New_York", "bookingMonthsAhead": 120})
    body = {"doctorId": doctor.id, "weekday": 0, "start": "09:00", "end": "12:00"}
    made = clinic.admin.post(HOURS, body)
    assert made.status == 201
    return made.json


def in_hours(hours):
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:00:00Z")


def free(caller, doctor, **asked):
    answer = caller.get("/api/availability", **{"doctorId": doctor.id, "from": MONDAY, "to": MONDAY, **asked})
    assert answer.status == 200
    return [slot["start"][11:16] for slot in answer.json["slots"]]


def book(clinic, caller, chart, doctor, time, **fields):
    return try_to_book(
        clinic, caller, chart, doctorId=doctor.id, date=f"{MONDAY}T{time}{':00' * (time.count(':') == 1)}Z", **fields
    )


def test_hours_are_added_changed_and_removed(clinic, doctor, hours):
    nothing = {"officeId": None, "validFrom": None, "validTo": None, "version": 1}
    assert hours == {
        **nothing,
        "id": hours["id"],
        "doctorId": doctor.id,
        "weekday": 0,
        "start": "09:00",
        "end": "12:00",
    }
    path = f"{HOURS}/{hours['id']}"
    assert clinic.admin.patch(path, {"end": "12:30", "validTo": "2031-12-31"}).json["end"] == "12:30"
    assert [row["id"] for row in clinic.patient.get(HOURS, doctorId=doctor.id).json["workingHours"]] == [hours["id"]]
    assert clinic.admin.request("DELETE", path).status == 204
    assert clinic.admin.get(path).status == 404


def test_doctor_sets_their_own_hours_and_nobody_elses(clinic, doctor, hours):
    own = {"doctorId": doctor.id, "weekday": 1, "start": "14:00", "end": "18:00"}
    assert doctor.post(HOURS, own).status == 201
    assert doctor.patch(f"{HOURS}/{hours['id']}", {"end": "11:00"}).status == 200
    assert clinic.doctor.patch(f"{HOURS}/{hours['id']}", {"end": "10:00"}).status == 403
    assert clinic.doctor.request("DELETE", f"{HOURS}/{hours['id']}").status == 403
    assert doctor.post(HOURS, {**own, "doctorId": clinic.doctor.id}).status == 403
    assert doctor.patch(f"{HOURS}/{hours['id']}", {"doctorId": clinic.doctor.id}).status == 403
    off = {"from": f"{MONDAY}T00:00", "to": f"{TUESDAY}T00:00"}
    assert doctor.post(EXCEPTIONS, {**off, "doctorId": doctor.id}).status == 201
    assert doctor.post(EXCEPTIONS, off).status == 403  # would close the practice
    assert clinic.staff.post(EXCEPTIONS, off).status == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"end": "09:00"}, 400),
        ({"weekday": 7}, 400),
        ({"start": "9 o'clock"}, 400),
        ({"validFrom": "2031-02-01", "validTo": "2031-01-01"}, 400),
        ({"doctorId": NOBODY}, 404),
        ({"officeId": NOBODY}, 404),
        ({"start": "11:45", "end": "15:00"}, 409),  # overlap
        ({"start": "12:00", "end": "15:00"}, 201),  # meet
        ({"start": "11:00", "end": "15:00", "validTo": "2020-01-01"}, 409),
    ],
)
def test_hours_are_sound(clinic, hours, changes, status):
    body = {name: hours[name] for name in ("doctorId", "weekday")} | {"start": "13:00", "end": "17:00"} | changes
    assert clinic.admin.post(HOURS, body).status == status


JUNE = {"validFrom": "2031-06-01", "validTo": "2031-06-30"}
MARCH = {"validFrom": "2031-03-10", "validTo": "2031-03-28"}  # the clocks of New York are ahead, London's not yet


@pytest.mark.parametrize(
    ("zone", "weekday", "start", "end", "valid", "status"),
    [
        ("America/Los_Angeles", 0, "09:00", "12:00", {}, 201),  # noon to three
        ("America/Los_Angeles", 0, "07:00", "09:30", {}, 409),
        ("Australia/Sydney", 1, "01:00", "03:00", {}, 409),  # another day there, and midsummer
        ("Australia/Sydney", 1, "04:00", "08:00", JUNE, 201),
        ("Europe/London", 0, "13:00", "14:00", {}, 409),  # for three weeks, four hours ahead
        ("Europe/London", 0, "13:00", "14:00", MARCH, 409),
        ("Europe/London", 0, "13:00", "14:00", JUNE, 201),
        ("Europe/London", 0, "17:00", "18:00", {}, 201),
        ("Europe/London", 0, "14:00", "15:00", {"validTo": "1880-01-01"}, 201),  # never
        ("Europe/London", 0, "14:00", "15:00", {"validFrom": "2200-01-01"}, 201),
        ("Europe/London", 0, "14:00", "15:00", {"validTo": "2026-11-02"}, 409),  # was so
    ],
)
def test_hours_at_offices_in_two_zones_overlap_by_moments(clinic, hours, zone, weekday, start, end, valid, status):
    office = clinic.admin.post("/api/offices", {"name": "Other", "timezone": zone}).json["id"]
    body = {"doctorId": hours["doctorId"], "officeId": office, "weekday": weekday, "start": start, "end": end, **valid}
    assert clinic.admin.post(HOURS, body).status == status


def test_hours_without_an_office_overlap_by_the_clock_of_the_doctors_own(clinic, doctor, hours):
    own, east = (
        clinic.admin.post("/api/offices", {"name": name, "timezone": zone}).json["id"]
        for name, zone in (("Own", "America/Los_Angeles"), ("East", "America/New_York"))
    )
    clinic.admin.patch(f"/api/users/{doctor.id}", {"officeId": own})  # nine to noon is noon to three in New York
    body = {"doctorId": doctor.id, "officeId": east, "weekday": 0, "start": "09:00", "end": "12:00"}
    assert clinic.admin.post(HOURS, {**body, "start": "14:00", "end": "16:00"}).status == 409
    made = clinic.admin.post(HOURS, body)
    assert made.status == 201
    assert clinic.admin.patch(f"{HOURS}/{made.json['id']}", {"end": "12:30"}).status == 409


def test_change_of_a_time_zone_moves_hours_but_no_visit_and_rechecks_them(clinic, doctor, hours):
    chart = clinic.chart()["id"]
    visit = book(clinic, clinic.staff, chart, doctor, "15:00").json
    office = clinic.admin.post("/api/offices", {"name": "Other", "timezone": "America/New_York"}).json
    body = {"doctorId": doctor.id, "officeId": office["id"], "weekday": 0, "start": "13:00", "end": "15:00"}
    assert clinic.admin.post(HOURS, body).status == 201
    path = f"/api/offices/{office['id']}"

    refused = clinic.admin.patch(path, {"timezone": "Europe/London"})  # eight to ten in New York
    assert refused.status == 409 and refused.json["detail"].startswith("In this time zone, ")
    assert clinic.admin.get(path).json == office
    assert clinic.admin.patch(path, {"timezone": "America/Chicago"}).status == 200
    assert clinic.admin.patch("/api/practice", {"timezone": "America/Los_Angeles"}).status == 409
    assert clinic.admin.patch("/api/practice", {"timezone": "Europe/London"}).status == 200

    assert free(clinic.staff, doctor)[:2] == ["09:00", "09:15"]
    assert clinic.staff.get(f"/api/appointments/{visit['id']}").json["date"] == visit["date"]


def test_free_times_follow_hours_visits_and_exceptions(clinic, doctor, hours):
    quarters = ["14:00", "14:15", "14:30", "14:45", "15:00", "15:15", "15:30", "15:45", "16:00", "16:15", "16:30"]
    assert free(clinic.staff, doctor) == quarters
    assert free(clinic.staff, doctor, **{"from": TUESDAY, "to": TUESDAY}) == []
    assert book(clinic, clinic.staff, clinic.chart()["id"], doctor, "15:00").status == 201
    assert free(clinic.staff, doctor) == [*quarters[:3], *quarters[6:]]
    off = {"doctorId": doctor.id, "from": f"{MONDAY}T09:00", "to": f"{MONDAY}T10:30", "reason": "Dentist"}
    exception = clinic.admin.post(EXCEPTIONS, off).json
    assert (exception["from"], exception["reason"]) == (f"{MONDAY}T14:00:00Z", "Dentist")
    assert free(clinic.staff, doctor) == quarters[6:]
    assert clinic.admin.request("DELETE", f"{EXCEPTIONS}/{exception['id']}").status == 204
    extra = {"kind": "extra", "doctorId": doctor.id, "from": f"{MONDAY}T13:00", "to": f"{MONDAY}T14:00"}
    assert clinic.admin.post(EXCEPTIONS, extra).status == 201
    assert free(clinic.staff, doctor)[-3:] == ["18:00", "18:15", "18:30"]


def test_exception_is_changed_and_listed(clinic, doctor):
    made = clinic.admin.post(EXCEPTIONS, {"from": "2031-03-03T00:00Z", "to": "2031-03-04T00:00Z"}).json
    path = f"{EXCEPTIONS}/{made['id']}"
    assert clinic.admin.patch(path, {"doctorId": doctor.id, "reason": "Leave"}).json["doctorId"] == doctor.id
    assert clinic.admin.patch(path, {"to": "2031-03-02T00:00Z"}).status == 400
    listed = clinic.staff.get(EXCEPTIONS, **{"doctorId": doctor.id, "from": "2031-03-03", "to": "2031-03-03"}).json
    assert [row["id"] for row in listed["scheduleExceptions"]] == [made["id"]]
    assert clinic.staff.get(EXCEPTIONS, **{"from": "2031-03-05"}).json["total"] == 0
    assert clinic.patient.get(EXCEPTIONS).status == 403
    nobodys = {"kind": "extra", "from": "2031-03-03T00:00Z", "to": "2031-03-04T00:00Z"}
    assert clinic.admin.post(EXCEPTIONS, nobodys).status == 400
    assert clinic.admin.post(EXCEPTIONS, {"from": "2031-03-03", "to": "2031-03-04"}).status == 400  # no moments


def test_patient_books_what_is_offered_and_nothing_else(clinic, doctor, hours):
    patient = clinic.hire("patient")
    own = clinic.chart_of(patient)
    for time in ("13:45", "14:07", "16:45", "03:00"):
        assert book(clinic, patient, own, doctor, time).status == 409, time
    assert book(clinic, patient, own, doctor, "14:15").status == 201
    path = f"/api/appointments/{book(clinic, clinic.staff, own, doctor, '16:00').json['id']}"
    assert patient.patch(path, {"date": f"{MONDAY}T17:30:00Z"}).status == 409
    assert patient.patch(path, {"date": f"{MONDAY}T15:30:00Z"}).status == 200


def test_staff_book_outside_the_hours_and_are_told(clinic, doctor, hours):
    chart = clinic.chart()["id"]
    inside, outside = (book(clinic, clinic.staff, chart, doctor, time) for time in ("14:07", "20:00"))
    assert (inside.status, "warnings" in inside.json) == (201, False)
    assert (outside.status, outside.json["warnings"]) == (201, ["outside working hours"])
    moved = clinic.staff.patch(f"/api/appointments/{inside.json['id']}", {"date": f"{TUESDAY}T15:00:00Z"})
    assert moved.json["warnings"] == ["outside working hours"]
    clinic.admin.post(EXCEPTIONS, {"from": f"{MONDAY}T00:00", "to": f"{TUESDAY}T00:00"})
    assert book(clinic, clinic.staff, chart, doctor, "15:00").json["warnings"] == ["during time off"]


def test_time_around_a_visit_is_kept_free(clinic, doctor, hours):
    kind = clinic.admin.post(
        "/api/appointment-types", {"name": "Long", "minutes": 30, "bufferBefore": 10, "bufferAfter": 5}
    ).json["id"]
    book(clinic, clinic.staff, clinic.chart()["id"], doctor, "15:00", typeId=kind)
    assert free(clinic.staff, doctor)[:4] == ["14:00", "14:15", "15:35", "15:45"]  # from 14:50 to 15:35 is taken
    assert free(clinic.staff, doctor, typeId=kind)[:3] == ["14:00", "14:15", "15:45"]
    close = book(clinic, clinic.staff, clinic.chart()["id"], doctor, "15:30")
    assert (close.status, close.json["warnings"]) == (201, ["too close to another visit"])


def test_offices_have_hours_of_their_own(clinic, doctor, hours):
    west = clinic.admin.post("/api/offices", {"name": "West", "timezone": "America/Los_Angeles"}).json["id"]
    body = {"doctorId": doctor.id, "officeId": west, "weekday": 0, "start": "13:00", "end": "14:00"}
    assert clinic.admin.post(HOURS, body).status == 201
    assert free(clinic.staff, doctor, officeId=west) == ["21:00", "21:15", "21:30"]
    assert len(free(clinic.staff, doctor)) == 11 + 3
    booked = book(clinic, clinic.staff, clinic.chart()["id"], doctor, "21:00").json
    assert (booked["officeId"], "warnings" in booked) == (west, False)
    clinic.admin.post(EXCEPTIONS, {"officeId": west, "from": f"{MONDAY}T00:00", "to": f"{TUESDAY}T00:00"})
    assert len(free(clinic.staff, doctor)) == 11


def test_next_free_times_are_found_across_doctors(clinic, doctor, hours):
    found = clinic.patient.get("/api/availability/next", doctorId=doctor.id, count=3).json["slots"]
    assert len(found) == 3
    assert [slot["start"] for slot in found] == sorted(slot["start"] for slot in found)
    assert {slot["doctorId"] for slot in found} == {doctor.id}
    assert clinic.patient.get("/api/availability/next", doctorId=NOBODY).status == 404


def test_policy_of_online_booking(clinic, doctor, hours):
    patient = clinic.hire("patient")
    path = f"/api/appointments/{clinic.booking(chart=clinic.chart_of(patient))['id']}"
    clinic.admin.patch("/api/practice", {"bookingNoticeHours": 720, "cancellationHours": 720, "sameDayBooking": False})
    assert clinic.admin.get("/api/practice").json["cancellationHours"] == 720
    soon = clinic.patient.get("/api/availability/next", doctorId=doctor.id, count=1).json["slots"][0]["start"]
    sooner = clinic.staff.get("/api/availability/next", doctorId=doctor.id, count=1).json["slots"][0]["start"]
    assert sooner < soon
    refused = try_to_book(clinic, patient, clinic.chart_of(patient), doctorId=doctor.id, date=sooner)
    assert (refused.status, "too soon" in refused.json["detail"]) == (409, True)
    assert patient.patch(path, {"status": "cancelled"}).status == 200  # it is years ahead


def test_patients_book_for_today_where_the_practice_lets_them(clinic, doctor):
    """The practice is where it is ten in the morning."""
    ahead = (10 - datetime.now(UTC).hour + 12) % 24 - 12
    clinic.admin.patch("/api/practice", {"timezone": f"Etc/GMT{-ahead:+d}"})
    today, tomorrow = in_hours(4), in_hours(24)
    patient = clinic.hire("patient")
    own = clinic.chart_of(patient)

    def try_today_and_next(caller):
        found = caller.get("/api/availability/next", doctorId=doctor.id, count=1).json["slots"][0]["start"]
        booked = try_to_book(clinic, caller, own, doctorId=doctor.id, date=today)
        if booked.status == 201:
            clinic.staff.patch(f"/api/appointments/{booked.json['id']}", {"status": "cancelled"})
        return found < today, booked.status

    assert try_today_and_next(patient) == (True, 201)
    clinic.admin.patch("/api/practice", {"sameDayBooking": False})
    assert try_today_and_next(patient) == (False, 409)
    assert try_today_and_next(clinic.staff) == (True, 201)
    (first,) = patient.get("/api/availability/next", doctorId=doctor.id, count=1).json["slots"]
    local = datetime.fromisoformat(first["start"]) + timedelta(hours=ahead)
    assert (local.date(), local.hour) == ((datetime.now(UTC) + timedelta(hours=ahead + 24)).date(), 0)
    later = try_to_book(clinic, patient, own, doctorId=doctor.id, date=tomorrow)
    assert later.status == 201
    assert patient.patch(f"/api/appointments/{later.json['id']}", {"date": today}).status == 409


def test_availability_is_asked_for_62_days_at_most(clinic, doctor):
    asked = {"doctorId": doctor.id, "from": MONDAY}
    assert clinic.staff.get("/api/availability", **asked, to="2031-03-08").status == 200
    assert clinic.staff.get("/api/availability", **asked, to="2031-03-10").status == 400
    assert clinic.staff.get("/api/availability", typeId=NOBODY).status == 404
    assert clinic.staff.get("/api/availability", doctor=doctor.id).status == 400  # misspelt


def test_manager_takes_public_holidays(clinic, doctor, hours):
    offered = clinic.admin.get("/api/holidays", country="US", year=2031).json["holidays"]
    assert {"date": "2031-07-04", "name": "Independence Day"} in offered
    body = {"country": "US", "year": 2031, "dates": ["2031-07-04", "2031-12-25"]}
    made = clinic.admin.post("/api/holidays", body)
    assert (made.status, made.json["total"]) == (201, 2)
    assert made.json["scheduleExceptions"][0]["from"] == "2031-07-04T04:00:00Z"
    assert clinic.admin.post("/api/holidays", body).json["total"] == 0  # taken already
    assert clinic.admin.post("/api/holidays", {**body, "dates": ["2031-07-05"]}).status == 400
    assert clinic.admin.get("/api/holidays", country="XX", year=2031).status == 400
    assert clinic.admin.get("/api/holidays", country="US", region="QQ", year=2031).status == 400


def test_no_time_is_too_far_to_ask_about(clinic, doctor):
    body = {"doctorId": doctor.id, "weekday": 0, "start": "09:00", "end": "12:00", "validFrom": "2200-01-01"}
    assert clinic.admin.post(HOURS, body).status == 201
    assert free(clinic.staff, doctor) == []
    for day in ("0001-01-01", "9999-12-31", "9999-12-31T00:00:00Z"):
        assert clinic.staff.get("/api/availability", doctorId=doctor.id, **{"from": day}).json == {"slots": []}
    clinic.admin.patch("/api/practice", {"timezone": "Asia/Tokyo"})
    for path in (EXCEPTIONS, "/api/appointments"):
        assert clinic.staff.get(path, **{"from": "0001-01-01"}).status == 400  # in Tokyo it began the year before
    for span in (("0001-01-01T00:00Z", "2031-01-01T00:00Z"), ("2031-01-01T00:00Z", "9999-12-31T00:00Z")):
        assert clinic.admin.post(EXCEPTIONS, dict(zip(("from", "to"), span, strict=True))).status == 400


@pytest.mark.parametrize("start", ["09:00:30", "09:00+05:00"])
def test_hours_are_whole_minutes_by_the_clock(clinic, doctor, start):
    body = {"doctorId": doctor.id, "weekday": 0, "start": start, "end": "12:00"}
    assert list(clinic.admin.post(HOURS, body).json["errors"]) == ["start"]


def test_each_office_of_a_doctor_is_offered_and_bookable(clinic, doctor, hours):
    east, west = (clinic.admin.post("/api/offices", {"name": name}).json["id"] for name in ("East", "West"))
    clinic.admin.patch(f"{HOURS}/{hours['id']}", {"officeId": east})
    extra = {"kind": "extra", "doctorId": doctor.id}
    clinic.admin.post(EXCEPTIONS, {**extra, "officeId": west, "from": f"{MONDAY}T10:00", "to": f"{MONDAY}T11:00"})
    clinic.admin.post(EXCEPTIONS, {**extra, "officeId": east, "from": f"{MONDAY}T11:00", "to": f"{MONDAY}T13:00"})
    clinic.admin.post(EXCEPTIONS, {**extra, "from": f"{MONDAY}T11:30", "to": f"{MONDAY}T12:30"})  # at no office
    offered = free(clinic.patient, doctor, officeId=east)
    assert len(offered) == len(set(offered)) == 15
    patient = clinic.hire("patient")
    own = clinic.chart_of(patient)
    for office, time in ((west, "15:00"), (east, "16:45")):
        assert time in free(patient, doctor, officeId=office)
        assert book(clinic, patient, own, doctor, time, officeId=office).status == 201


def test_hours_without_an_office_are_at_the_doctors_own(clinic, doctor, hours):
    office = clinic.admin.post("/api/offices", {"name": "Own", "timezone": "America/Chicago"}).json["id"]
    clinic.admin.patch(f"/api/users/{doctor.id}", {"officeId": office})
    assert free(clinic.staff, doctor, officeId=office)[0] == "15:00"  # nine in Chicago
    assert book(clinic, clinic.staff, clinic.chart()["id"], doctor, "15:00").json["officeId"] == office
    clinic.admin.post(EXCEPTIONS, {"officeId": office, "from": f"{MONDAY}T00:00", "to": f"{TUESDAY}T00:00"})
    assert free(clinic.staff, doctor) == []


def test_patient_is_not_offered_a_time_at_which_they_are_elsewhere(clinic, doctor, hours):
    patient = clinic.hire("patient")
    assert book(clinic, clinic.staff, clinic.chart_of(patient), clinic.hire("doctor"), "14:15").status == 201
    assert free(patient, doctor)[:2] == ["14:45", "15:00"]
    assert free(clinic.staff, doctor)[0] == "14:00"


def test_parts_of_a_second_count(clinic, doctor, hours):
    patient = clinic.hire("patient")
    own = clinic.chart_of(patient)
    assert book(clinic, patient, own, doctor, "14:15:00.900").status == 409
    assert book(clinic, clinic.staff, own, doctor, "14:15:00.900").status == 201
    assert free(clinic.staff, doctor)[0] == "14:50"


def test_a_time_offered_over_days_is_bookable_on_its_own(clinic, doctor, hours):
    span = {"kind": "extra", "doctorId": doctor.id, "from": f"{MONDAY}T00:00", "to": "2031-01-10T00:00"}
    clinic.admin.post(EXCEPTIONS, span)
    clinic.admin.post(EXCEPTIONS, {"doctorId": doctor.id, "from": f"{MONDAY}T10:00", "to": f"{MONDAY}T10:20"})
    answer = clinic.patient.get("/api/availability", doctorId=doctor.id, **{"from": MONDAY, "to": "2031-01-08"})
    start = answer.json["slots"][-1]["start"]
    patient = clinic.hire("patient")
    assert try_to_book(clinic, patient, clinic.chart_of(patient), doctorId=doctor.id, date=start).status == 201


def test_warnings_name_the_other_office_and_no_other_offices_holiday(clinic, doctor, hours):
    here, there = (clinic.admin.post("/api/offices", {"name": name}).json["id"] for name in ("Here", "There"))
    clinic.admin.patch(f"{HOURS}/{hours['id']}", {"officeId": here})
    clinic.admin.post(EXCEPTIONS, {"officeId": there, "from": f"{MONDAY}T00:00", "to": f"{TUESDAY}T00:00"})
    chart = clinic.chart()["id"]
    away = book(clinic, clinic.staff, chart, doctor, "14:00", officeId=there).json
    assert away["warnings"] == ["the doctor works at another office then"]
    evening = book(clinic, clinic.staff, chart, doctor, "23:00", officeId=here).json
    assert evening["warnings"] == ["outside working hours"]


def test_answer_with_warnings_can_be_sent_back(clinic, doctor, hours):
    booked = book(clinic, clinic.staff, clinic.chart()["id"], doctor, "20:00").json
    path = f"/api/appointments/{booked['id']}"
    assert clinic.staff.patch(path, {**booked, "notes": "Called"}).json["notes"] == "Called"


def test_doctor_without_hours_is_not_at_an_office_that_is_closed(clinic, doctor):
    office = clinic.admin.post("/api/offices", {"name": "Closed on Mondays"}).json["id"]
    clinic.admin.post(EXCEPTIONS, {"officeId": office, "from": f"{MONDAY}T00:00Z", "to": f"{TUESDAY}T00:00Z"})
    patient = clinic.hire("patient")
    own = clinic.chart_of(patient)
    assert book(clinic, patient, own, doctor, "15:00", officeId=office).status == 409
    assert book(clinic, clinic.staff, own, doctor, "15:00", officeId=office).json["warnings"] == ["during time off"]
    assert book(clinic, patient, own, doctor, "16:00").status == 201


def test_patient_moves_and_cancels_in_time(clinic, doctor):
    patient = clinic.hire("patient")
    booked = clinic.booking(chart=clinic.chart_of(patient), doctor=doctor.id, date=in_hours(5))
    clinic.admin.patch("/api/practice", {"cancellationHours": 24})
    refused = patient.patch(f"/api/appointments/{booked['id']}", {"status": "cancelled"})
    clinic.admin.patch("/api/practice", {"cancellationHours": 0})
    assert (refused.status, "too late" in refused.json["detail"]) == (409, True)


def test_reason_of_an_absence_is_the_doctors_and_the_managers(clinic, doctor):
    span = {"from": f"{MONDAY}T00:00Z", "to": f"{TUESDAY}T00:00Z"}
    sick = clinic.admin.post(EXCEPTIONS, {**span, "doctorId": doctor.id, "reason": "Surgery"}).json
    closed = clinic.admin.post(EXCEPTIONS, {**span, "reason": "Epiphany"}).json
    readers = {"admin": clinic.admin, "own": doctor, "colleague": clinic.doctor, "desk": clinic.staff}
    for who, reader in readers.items():
        shown = "Surgery" if who in ("admin", "own") else None
        assert reader.get(f"{EXCEPTIONS}/{sick['id']}").json == {**sick, "reason": shown}, who
        listed = reader.get(EXCEPTIONS, **{"doctorId": doctor.id, "from": MONDAY, "to": MONDAY}).json
        assert {row["id"]: row["reason"] for row in listed["scheduleExceptions"]} == {
            sick["id"]: shown,
            closed["id"]: "Epiphany",
        }
