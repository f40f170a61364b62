"""A time without an offset is local where the appointment is: at its office, else its doctor's, else the practice's."""

import pytest

from tests.contract.clinic import NOBODY, try_to_book

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"


@pytest.fixture
def office(clinic):
    """`office("America/Chicago")`: the id of a new one there; of one in the practice's own zone (UTC) without."""

    def add(timezone=""):
        answer = clinic.admin.post("/api/offices", {"name": f"Office {timezone}", "timezone": timezone})
        assert answer.status == 201, answer
        return answer.json["id"]

    return add


@pytest.fixture
def at(clinic):
    """`at(office_id)`: somebody new who works there, a doctor unless said."""

    def hire(office_id, role="doctor"):
        return clinic.hire(role, office_id=office_id)

    return hire


@pytest.fixture
def booked(clinic):
    def book(date, **fields):
        return clinic.booking(chart=clinic.chart()["id"], date=date, **fields)

    return book


def test_office_that_is_named_says_whose_time_it_is(clinic, office, at, booked):
    doctor = at(office(NEW_YORK))

    made = booked("2040-07-02T09:00:00", doctor=doctor.id, officeId=office(CHICAGO))

    assert made["date"] == "2040-07-02T14:00:00Z"
    listed = doctor.get("/api/appointments", date="2040-07-02").json["appointments"]
    assert [row["date"] for row in listed] == ["2040-07-02T14:00:00Z"]


def test_without_a_name_it_is_the_doctors_office(office, at, booked):
    assert booked("2040-07-02T09:00:00", doctor=at(office(NEW_YORK)).id)["date"] == "2040-07-02T13:00:00Z"
    assert booked("2040-07-02T09:00:00", doctor=at(office(CHICAGO)).id)["date"] == "2040-07-02T14:00:00Z"


def test_office_without_a_zone_and_a_doctor_without_an_office_are_in_the_practices(clinic, office, at, booked):
    for doctor in (at(office()), clinic.hire("doctor")):
        assert booked("2040-07-02T09:00:00", doctor=doctor.id)["date"] == "2040-07-02T09:00:00Z"


def test_offset_means_what_it_says_wherever_the_office_is(office, at, booked):
    doctor = at(office(CHICAGO))

    assert booked("2040-07-02T09:00:00+02:00", doctor=doctor.id)["date"] == "2040-07-02T07:00:00Z"


def test_clocks_change_in_each_office_by_themselves(office, at, booked):
    doctor = at(office(CHICAGO))

    dates = [
        booked(date, doctor=doctor.id)["date"]
        for date in ("2026-03-07T09:00:00", "2026-03-08T09:00:00", "2026-03-08T01:30:00", "2026-11-01T01:30:00")
    ]

    # winter, summer, the last hour of winter, and the first of the two that are called half past one
    assert dates == ["2026-03-07T15:00:00Z", "2026-03-08T14:00:00Z", "2026-03-08T07:30:00Z", "2026-11-01T06:30:00Z"]


def test_time_skipped_by_daylight_saving_is_refused(clinic, office, booked):
    chart, zones = clinic.chart()["id"], {zone: office(zone) for zone in (NEW_YORK, "Europe/Paris")}

    def book(date, zone):
        return try_to_book(clinic, clinic.staff, chart, date=date, officeId=zones[zone], allowPast=True)

    for date, zone, named in (
        ("2026-03-08T02:30:00", NEW_YORK, "New York time"),
        ("2026-03-29T02:30:00", "Europe/Paris", "Paris time"),
    ):
        answer = book(date, zone)
        assert (answer.status, set(answer.json["errors"])) == (400, {"date"})
        assert named in answer.json["errors"]["date"][0]
    assert book("2026-03-08T02:30:00", "Europe/Paris").status == 201
    moved = clinic.staff.patch(
        f"/api/appointments/{booked('2040-07-02T09:00:00Z', officeId=zones[NEW_YORK])['id']}",
        {"date": "2026-03-08T02:30:00"},
    )
    assert (moved.status, set(moved.json["errors"])) == (400, {"date"})


def test_out_of_range_dates_are_refused(clinic, office, subtests):
    for date in ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "1999-12-31T00:00:00"]:
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"]:
            with subtests.test(date=date, zone=zone):
                answer = try_to_book(clinic, clinic.staff, clinic.chart()["id"], date=date, officeId=office(zone))

                assert (answer.status, set(answer.json["errors"])) == (400, {"date"})


def test_move_is_in_the_time_of_where_the_appointment_then_is(clinic, office, at, booked):
    new_york, chicago = office(NEW_YORK), office(CHICAGO)
    made = booked("2040-07-02T09:00:00", doctor=at(new_york).id)
    address = f"/api/appointments/{made['id']}"

    def moved(**change):
        answer = clinic.staff.patch(address, change)
        assert answer.status == 200, answer
        return answer.json["date"]

    assert moved(date="2040-07-02T10:00:00") == "2040-07-02T14:00:00Z"
    assert moved(date="2040-07-02T10:00:00", officeId=chicago) == "2040-07-02T15:00:00Z"
    assert moved(date="2040-07-02T11:00:00") == "2040-07-02T16:00:00Z"
    assert moved(officeId=new_york) == "2040-07-02T16:00:00Z"  # the moment stays


def test_appointment_without_an_office_moves_in_its_doctors_time(clinic, office, booked):
    doctor = clinic.hire("doctor")
    made = booked("2040-07-02T09:00:00Z", doctor=doctor.id)
    chicago = office(CHICAGO)
    clinic.admin.patch(f"/api/users/{doctor.id}", {"officeId": chicago})

    moved = clinic.staff.patch(f"/api/appointments/{made['id']}", {"date": "2040-07-02T09:00:00"})

    assert (moved.json["date"], moved.json["officeId"]) == ("2040-07-02T14:00:00Z", chicago)


def test_day_is_the_practices_also_in_an_office_of_another_zone(office, at, booked):
    doctor = at(office("Pacific/Kiritimati"))
    made = booked("2040-07-03T09:00:00", doctor=doctor.id)
    assert made["date"] == "2040-07-02T19:00:00Z"

    assert doctor.get("/api/appointments", date="2040-07-02").json["appointments"] == [made]
    assert doctor.get("/api/appointments", date="2040-07-03").json["appointments"] == []


def test_another_practices_office_gives_no_time(clinic, office):
    foreign = clinic.elsewhere.admin.post("/api/offices", {"name": "Far", "timezone": CHICAGO}).json["id"]

    for office_id in (foreign, NOBODY):
        answer = try_to_book(clinic, clinic.staff, clinic.chart()["id"], date="2040-07-02T09:00:00", officeId=office_id)
        assert (answer.status, answer.json) == (404, {"detail": "Office not found."})
