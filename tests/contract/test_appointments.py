"""GET and POST /api/appointments, PATCH /api/appointments/:id."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from tests.contract.clinic import NOBODY, Clinic, fresh_slot
from tests.contract.doors import Caller

FIELDS = {"id", "patientId", "patientName", "doctorId", "doctorName", "date", "status", "reason", "notes"}
TAKEN = {"detail": "The doctor has another appointment at this time."}


def hours_before_now(hours):
    """An hour of the past that no other booking of this run has taken."""
    slot = datetime.strptime(fresh_slot(), "%Y-%m-%dT%H:%M:%S%z")
    return (slot.replace(year=slot.year - 20) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def booking(clinic, by, chart, **fields):
    body = {"patientId": chart, "doctorId": clinic.doctor.id, "date": fresh_slot(), "reason": "Back pain"}
    return by.post("/api/appointments", {**body, **fields})


@pytest.mark.parametrize("role", ["staff", "doctor"])
def test_staff_and_doctors_book_for_any_patient(clinic, role):
    chart, slot = clinic.chart(), fresh_slot()

    answer = booking(clinic, clinic.as_role(role), chart["id"], date=slot, notes="First visit")

    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "patientId": chart["id"],
        "patientName": chart["name"],
        "doctorId": clinic.doctor.id,
        "doctorName": "Demo Doctor",
        "date": slot,
        "status": "scheduled",
        "reason": "Back pain",
        "notes": "First visit",
    }


def test_a_patient_books_for_their_own_chart(clinic):
    own = clinic.chart_of(clinic.patient)

    answer = booking(clinic, clinic.patient, own)

    assert answer.status == 201
    assert answer.json["reason"] == "Back pain"
    assert answer.json["id"] in [row["id"] for row in clinic.patient.get("/api/appointments").json["appointments"]]


def test_a_patient_books_for_nobody_else(clinic):
    answer = booking(clinic, clinic.patient, clinic.chart()["id"])

    assert (answer.status, answer.json) == (404, {"detail": "There is no such patient."})


def test_a_patient_does_not_book_the_past(clinic):
    answer = booking(clinic, clinic.patient, clinic.chart_of(clinic.patient), date="2020-01-06T09:00:00Z")

    assert (answer.status, set(answer.json["errors"])) == (400, {"date"})


@pytest.mark.parametrize("role", ["admin", "billing"])
def test_nobody_else_books(clinic, role):
    answer = booking(clinic, clinic.as_role(role), clinic.chart()["id"])

    assert (answer.status, answer.json) == (403, {"detail": "Your role may not do this."})


def test_nobody_unknown_books_or_reads(anonymous):
    assert anonymous.get("/api/appointments").status == 401
    assert anonymous.post("/api/appointments", {}).status == 401
    assert anonymous.patch(f"/api/appointments/{NOBODY}", {}).status == 401


@pytest.mark.parametrize("who", ["another practice's", "nobody's", "a colleague who is none"])
def test_a_booking_needs_a_doctor_of_the_practice(clinic, who):
    ids = {"another practice's": clinic.elsewhere.doctor.id, "nobody's": NOBODY}
    doctor = ids.get(who, clinic.staff.id)

    answer = booking(clinic, clinic.staff, clinic.chart()["id"], doctorId=doctor)

    assert (answer.status, answer.json) == (404, {"detail": "There is no such doctor."})


def test_a_booking_needs_a_patient_of_the_practice(clinic):
    for chart in (clinic.elsewhere.foreign_chart["id"], NOBODY):
        answer = booking(clinic, clinic.staff, chart)
        assert (answer.status, answer.json) == (404, {"detail": "There is no such patient."})


@pytest.mark.parametrize(
    ("field", "value"),
    [
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
    ],
)
def test_a_field_that_cannot_be_stored_is_named(clinic, field, value):
    answer = booking(clinic, clinic.staff, NOBODY, **{field: value})

    assert answer.status == 400, answer
    assert set(answer.json["errors"]) == {field}


def test_one_doctor_has_one_appointment_at_a_time(clinic):
    first = clinic.booking(chart=clinic.chart()["id"])
    start = datetime.strptime(first["date"], "%Y-%m-%dT%H:%M:%S%z")
    other = clinic.chart()["id"]

    for minutes, status in [(0, 409), (29, 409), (-29, 409), (30, 201), (-30, 201)]:
        moved = (start + timedelta(minutes=minutes)).isoformat()
        answer = booking(clinic, clinic.staff, other, date=moved)
        assert answer.status == status, (minutes, answer)
        if status == 409:
            assert answer.json == TAKEN


def test_another_doctor_is_free_at_that_time(clinic):
    first = clinic.booking(chart=clinic.chart()["id"])
    colleague = clinic.hire("doctor")

    clinic.booking(chart=first["patientId"], doctor=colleague.id, date=first["date"])


def test_a_cancelled_appointment_frees_its_slot_and_cannot_be_reopened_once_it_is_taken(clinic):
    first = clinic.booking(chart=clinic.chart()["id"])
    cancelled = clinic.staff.patch(f"/api/appointments/{first['id']}", {"status": "cancelled"})
    assert (cancelled.status, cancelled.json) == (200, {**first, "status": "cancelled"})

    second = clinic.booking(chart=clinic.chart()["id"], date=first["date"])

    reopened = clinic.staff.patch(f"/api/appointments/{first['id']}", {"status": "scheduled"})
    assert (reopened.status, reopened.json) == (409, TAKEN)
    clinic.staff.patch(f"/api/appointments/{second['id']}", {"status": "cancelled"})
    assert clinic.staff.patch(f"/api/appointments/{first['id']}", {"status": "scheduled"}).status == 200


def test_moving_into_a_taken_slot_changes_nothing(clinic):
    taken, moving = (clinic.booking(chart=clinic.chart()["id"]) for _ in range(2))

    answer = clinic.staff.patch(f"/api/appointments/{moving['id']}", {"date": taken["date"], "notes": "Moved"})

    assert (answer.status, answer.json) == (409, TAKEN)
    untouched = clinic.staff.patch(f"/api/appointments/{moving['id']}", {})
    assert (untouched.status, untouched.json) == (200, moving)


@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_the_practice_moves_notes_completes_and_reopens(clinic, role):
    made, slot = clinic.booking(chart=clinic.chart()["id"]), fresh_slot()
    path, caller = f"/api/appointments/{made['id']}", clinic.as_role(role)

    moved = caller.patch(path, {"date": slot})
    assert (moved.status, moved.json) == (200, {**made, "date": slot})
    noted = caller.patch(path, {"notes": "Brings X-rays"})
    assert noted.json == {**moved.json, "notes": "Brings X-rays"}
    for status in ("completed", "scheduled", "cancelled", "scheduled"):
        assert caller.patch(path, {"status": status}).json == {**noted.json, "status": status}
    assert caller.patch(path, {}).json == noted.json
    assert caller.patch(path, {"notes": None}).json == {**noted.json, "notes": ""}


def test_billing_changes_nothing(clinic):
    made = clinic.booking(chart=clinic.chart()["id"])

    assert clinic.billing.patch(f"/api/appointments/{made['id']}", {"status": "cancelled"}).status == 403


def test_a_patient_moves_and_cancels_their_own(clinic):
    made = booking(clinic, clinic.patient, clinic.chart_of(clinic.patient)).json
    path, slot = f"/api/appointments/{made['id']}", fresh_slot()

    assert clinic.patient.patch(path, {"date": slot}).json == {**made, "date": slot}
    assert clinic.patient.patch(path, {"status": "cancelled"}).json["status"] == "cancelled"


@pytest.mark.parametrize("changes", [{"status": "completed"}, {"notes": "From me"}])
def test_a_patient_neither_completes_nor_notes(clinic, changes):
    made = booking(clinic, clinic.patient, clinic.chart_of(clinic.patient)).json

    answer = clinic.patient.patch(f"/api/appointments/{made['id']}", changes)

    assert answer.status == 403
    assert set(answer.json) == {"detail"}


def test_a_patient_leaves_the_past_and_the_cancelled_as_they_are(clinic):
    own = clinic.chart_of(clinic.patient)
    past = clinic.booking(chart=own, date=hours_before_now(1))
    cancelled = clinic.booking(chart=own)
    clinic.staff.patch(f"/api/appointments/{cancelled['id']}", {"status": "cancelled"})

    for made, changes in [
        (past, {"status": "cancelled"}),
        (past, {"date": fresh_slot()}),
        (cancelled, {"status": "scheduled"}),
        (cancelled, {"date": fresh_slot()}),
    ]:
        assert clinic.patient.patch(f"/api/appointments/{made['id']}", changes).status == 403


def test_a_patient_neither_sees_nor_changes_anybody_elses(clinic):
    other = clinic.booking(chart=clinic.chart()["id"])

    answer = clinic.patient.patch(f"/api/appointments/{other['id']}", {"status": "cancelled"})

    assert (answer.status, answer.json) == (404, {"detail": "There is no such appointment."})
    own = clinic.chart_of(clinic.patient)
    rows = clinic.patient.get("/api/appointments", limit=100, doctorId=clinic.doctor.id).json["appointments"]
    assert {row["patientId"] for row in rows} <= {own}


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "patient"])
def test_another_practices_appointment_does_not_exist(clinic, role):
    foreign, caller = clinic.elsewhere.foreign_booking, clinic.as_role(role)

    answer = caller.patch(f"/api/appointments/{foreign['id']}", {"status": "cancelled"})

    assert (answer.status, answer.json) == (404, {"detail": "There is no such appointment."})
    day = foreign["date"][:10]
    listed = caller.get("/api/appointments", date=day, doctorId=foreign["doctorId"]).json
    assert listed == {"appointments": [], "total": 0}


@pytest.mark.parametrize("bad", [NOBODY, "1", "abc", ""])
def test_an_id_that_nothing_has_is_missing(clinic, bad):
    answer = clinic.staff.patch(f"/api/appointments/{bad}", {"status": "cancelled"})

    assert answer.status == 404
    assert set(answer.json) == {"detail"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", f"/api/appointments/{NOBODY}", "PATCH"),
        ("GET", f"/api/appointments/{NOBODY}", "PATCH"),
        ("PUT", f"/api/appointments/{NOBODY}", "PATCH"),
        ("DELETE", "/api/appointments", "GET, POST"),
        ("PATCH", "/api/appointments", "GET, POST"),
    ],
)
def test_a_method_that_is_none_is_refused(clinic, method, path, allowed):
    answer = clinic.admin.ask(method, path, json={})

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert set(answer.json) == {"detail"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "no-show"}, "status"),
        ({"status": None}, "status"),
        ({"status": ["cancelled"]}, "status"),
        ({"date": None}, "date"),
        ({"date": "2101-01-01T00:00:00Z"}, "date"),
        ({"date": "1999-12-31T23:59:59Z"}, "date"),
        ({"notes": 5}, "notes"),
    ],
)
def test_a_change_that_cannot_be_stored_names_the_field(clinic, changes, field):
    made = clinic.booking(chart=clinic.chart()["id"])

    answer = clinic.staff.patch(f"/api/appointments/{made['id']}", changes)

    assert (answer.status, set(answer.json["errors"])) == (400, {field})


def test_a_list_has_the_shape_of_the_contract(clinic):
    doctor = clinic.hire("doctor")
    made = [clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id) for _ in range(3)]

    answer = clinic.staff.get("/api/appointments", doctorId=doctor.id)

    assert answer.status == 200
    assert answer.json == {"appointments": made[::-1], "total": 3}
    assert all(set(row) == FIELDS for row in answer.json["appointments"])
    pages = [clinic.staff.get("/api/appointments", doctorId=doctor.id, page=n, limit=2).json for n in (1, 2, 3)]
    assert [page["total"] for page in pages] == [3, 3, 3]
    assert [row for page in pages for row in page["appointments"]] == made[::-1]


def test_a_doctors_list_is_their_own_unless_they_ask_for_a_colleagues(clinic):
    doctor, colleague = clinic.hire("doctor"), clinic.doctor
    own = clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id)
    other = clinic.booking(chart=clinic.chart()["id"], doctor=colleague.id)

    assert doctor.get("/api/appointments").json == {"appointments": [own], "total": 1}
    theirs = doctor.get("/api/appointments", doctorId=colleague.id, limit=100).json["appointments"]
    assert other in theirs
    assert {row["doctorId"] for row in theirs} == {colleague.id}


@pytest.mark.parametrize("status", ["scheduled", "completed", "cancelled"])
def test_a_list_is_filtered_by_status(clinic, status):
    doctor = clinic.hire("doctor")
    made = {name: clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id) for name in ("completed", "cancelled")}
    clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id)
    for name, row in made.items():
        clinic.staff.patch(f"/api/appointments/{row['id']}", {"status": name})

    answer = doctor.get("/api/appointments", status=status).json

    assert answer["total"] == 1
    assert [row["status"] for row in answer["appointments"]] == [status]


def test_billing_sees_when_and_not_why(clinic):
    doctor = clinic.hire("doctor")
    made = clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id, reason="Secret why", notes="Secret what")

    answer = clinic.billing.get("/api/appointments", doctorId=doctor.id)

    assert answer.json == {"appointments": [{**made, "reason": None, "notes": None}], "total": 1}
    assert b"Secret" not in answer.body


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"date": "2026-13-01"}, "date"),
        ({"date": "2026-11-01T00:00"}, "date"),
        ({"date": "today"}, "date"),
        ({"status": "SCHEDULED"}, "status"),
        ({"doctorId": "me"}, "doctorId"),
    ],
)
def test_a_filter_that_is_none_is_named(clinic, query, field):
    answer = clinic.staff.get("/api/appointments", **query)

    assert (answer.status, set(answer.json["errors"])) == (400, {field})


@pytest.mark.parametrize(
    ("day", "status"),
    [("0001-01-01", 400), ("1582-10-15", 400), ("2000-01-01", 200), ("2100-01-01", 200), ("9999-12-31", 400)],
)
def test_the_ends_of_the_calendar_are_answered(clinic, day, status):
    assert clinic.staff.get("/api/appointments", date=day).status == status


def test_a_day_is_filtered_and_in_its_order(clinic):
    doctor, chart = clinic.hire("doctor"), clinic.chart()["id"]
    times = ["2040-05-04T23:59:59Z", "2040-05-05T23:29:00Z", "2040-05-05T00:29:59Z", "2040-05-06T00:00:00Z"]
    for time in times:
        clinic.booking(chart=chart, doctor=doctor.id, date=time)

    answer = doctor.get("/api/appointments", date="2040-05-05").json

    assert [row["date"] for row in answer["appointments"]] == [times[2], times[1]]
    assert answer["total"] == 2


class TestThePracticesLocalDay:
    """The contract has no route that sets a practice's time zone, so these go through the test client alone."""

    @pytest.fixture
    def in_zone(self, inner_clinic):
        from practices.models import Practice

        def move(name):
            Practice.objects.filter(join_code=inner_clinic.join_code).update(timezone=name)
            return inner_clinic

        return move

    def days(self, clinic: Clinic, times: list[str], day: str) -> list[str]:
        doctor, chart = clinic.hire("doctor"), clinic.chart()["id"]
        for time in times:
            clinic.booking(chart=chart, doctor=doctor.id, date=time)
        return [row["date"] for row in doctor.get("/api/appointments", date=day).json["appointments"]]

    def test_a_day_begins_at_local_midnight(self, in_zone):
        times = ["2040-01-10T04:59:00Z", "2040-01-10T05:30:00Z", "2040-01-11T04:30:00Z", "2040-01-11T05:00:00Z"]

        assert self.days(in_zone("America/New_York"), times, "2040-01-10") == times[1:3]

    def test_the_day_the_clocks_go_forward_has_23_hours(self, in_zone):
        times = ["2026-03-08T04:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T03:30:00Z", "2026-03-09T04:00:00Z"]

        assert self.days(in_zone("America/New_York"), times, "2026-03-08") == times[1:3]

    def test_the_day_the_clocks_go_back_has_25_hours(self, in_zone):
        times = ["2026-11-01T03:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T04:30:00Z", "2026-11-02T05:00:00Z"]

        assert self.days(in_zone("America/New_York"), times, "2026-11-01") == times[1:3]

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Africa/Monrovia"])
    @pytest.mark.parametrize(("day", "status"), [("0001-01-01", 400), ("9999-12-31", 400), ("1900-01-01", 200)])
    def test_the_ends_of_the_calendar_are_answered(self, in_zone, zone, day, status):
        clinic = in_zone(zone)

        assert clinic.staff.get("/api/appointments", date=day).status == status

    def test_a_time_without_an_offset_is_local(self, in_zone):
        clinic = in_zone("America/New_York")

        made = clinic.booking(chart=clinic.chart()["id"], date="2040-07-02T09:00:00")

        assert made["date"] == "2040-07-02T13:00:00Z"

    def test_a_local_time_that_the_clocks_skip_is_refused(self, in_zone):
        clinic = in_zone("America/New_York")

        answer = booking(clinic, clinic.staff, clinic.chart()["id"], date="2026-03-08T02:30:00")

        assert (answer.status, set(answer.json["errors"])) == (400, {"date"})


def test_of_16_parallel_bookings_of_one_slot_one_is_made(served_clinic: Clinic):
    from tests.contract.doors import ServerDoor

    chart, slot = served_clinic.chart()["id"], fresh_slot()
    cookies = served_clinic.staff.cookies

    def book(_: int) -> int:
        caller = Caller(ServerDoor(served_clinic.door.server))
        caller.cookies = dict(cookies)
        return booking(served_clinic, caller, chart, date=slot).status

    _ = served_clinic.doctor
    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(book, range(16)))

    assert statuses == [201] + [409] * 15


def test_an_instant_is_the_same_however_it_is_written(clinic):
    slot, chart = fresh_slot(), clinic.chart()["id"]
    moment = datetime.strptime(slot, "%Y-%m-%dT%H:%M:%S%z")

    made = clinic.booking(chart=chart, date=moment.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat())

    assert made["date"] == slot
    assert booking(clinic, clinic.staff, chart, date=slot.replace("Z", ".5-00:00")).status == 409
