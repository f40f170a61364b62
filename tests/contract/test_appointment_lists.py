"""GET /api/appointments, and the practice's local day."""

import pytest

from tests.contract.clinic import Clinic, past_slot, try_to_book

FIELDS = {
    "id",
    "patientId",
    "patientName",
    "doctorId",
    "doctorName",
    "date",
    "endsAt",
    "status",
    "reason",
    "notes",
    "version",
}


def test_list_has_the_shape_of_the_contract(clinic):
    doctor = clinic.hire("doctor")
    made = [clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id) for _ in range(3)]

    answer = clinic.staff.get("/api/appointments", doctorId=doctor.id)

    assert answer.status == 200
    assert answer.json == {"appointments": made[::-1], "total": 3}
    assert all(set(row) == FIELDS for row in answer.json["appointments"])
    pages = [clinic.staff.get("/api/appointments", doctorId=doctor.id, page=n, limit=2).json for n in (1, 2, 3)]
    assert [page["total"] for page in pages] == [3, 3, 3]
    assert [row for page in pages for row in page["appointments"]] == made[::-1]


def test_doctors_list_is_their_own_unless_they_ask_for_a_colleagues(clinic):
    doctor, colleague = clinic.hire("doctor"), clinic.doctor
    own = clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id)
    other = clinic.booking(chart=clinic.chart()["id"], doctor=colleague.id)

    assert doctor.get("/api/appointments").json == {"appointments": [own], "total": 1}
    theirs = doctor.get("/api/appointments", doctorId=colleague.id, limit=100).json["appointments"]
    assert other in theirs
    assert {row["doctorId"] for row in theirs} == {colleague.id}


@pytest.mark.parametrize("status", ["scheduled", "completed", "cancelled"])
def test_list_is_filtered_by_status(clinic, status):
    doctor = clinic.hire("doctor")
    made = {
        name: clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id, date=past_slot())
        for name in ("completed", "cancelled")
    }
    clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id)
    for name, row in made.items():
        clinic.staff.patch(f"/api/appointments/{row['id']}", {"status": name})

    answer = doctor.get("/api/appointments", status=status).json

    assert answer["total"] == 1
    assert [row["status"] for row in answer["appointments"]] == [status]


def test_billing_sees_times_but_no_reasons(clinic):
    doctor = clinic.hire("doctor")
    made = clinic.booking(chart=clinic.chart()["id"], doctor=doctor.id, reason="Secret why", notes="Secret what")

    answer = clinic.billing.get("/api/appointments", doctorId=doctor.id)

    assert answer.json == {"appointments": [{**made, "reason": None, "notes": None}], "total": 1}
    assert b"Secret" not in answer.body


def test_invalid_filter_is_named(clinic, subtests):
    for query, field in [
        ({"date": "2026-13-01"}, "date"),
        ({"date": "2026-11-01T00:00"}, "date"),
        ({"date": "today"}, "date"),
        ({"status": "SCHEDULED"}, "status"),
        ({"doctorId": "me"}, "doctorId"),
    ]:
        with subtests.test(query=query, field=field):
            answer = clinic.staff.get("/api/appointments", **query)

            assert (answer.status, set(answer.json["errors"])) == (400, {field})


def test_first_and_last_dates_are_accepted(clinic, subtests):
    for day, status in [
        ("0001-01-01", 400),
        ("1582-10-15", 400),
        ("2000-01-01", 200),
        ("2100-01-01", 200),
        ("9999-12-31", 400),
    ]:
        with subtests.test(day=day, status=status):
            assert clinic.staff.get("/api/appointments", date=day).status == status


def test_day_is_filtered_and_in_its_order(clinic):
    doctor, chart = clinic.hire("doctor"), clinic.chart()["id"]
    times = ["2040-05-04T23:59:59Z", "2040-05-05T23:29:00Z", "2040-05-05T00:29:59Z", "2040-05-06T00:00:00Z"]
    for time in times:
        clinic.booking(chart=chart, doctor=doctor.id, date=time)

    answer = doctor.get("/api/appointments", date="2040-05-05").json

    assert [row["date"] for row in answer["appointments"]] == [times[2], times[1]]
    assert answer["total"] == 2


class TestThePracticesLocalDay:
    """The contract has no route that sets a practice's time zone, so these set it in the database."""

    @pytest.fixture
    def in_zone(self, clinic):
        from practices.models import Practice
        from practices.services import practice_with_code

        def move(name):
            Practice.objects.filter(pk=practice_with_code(clinic.join_code).pk).update(timezone=name)
            return clinic

        return move

    def days(self, clinic: Clinic, times: list[str], day: str) -> list[str]:
        doctor, chart = clinic.hire("doctor"), clinic.chart()["id"]
        for time in times:
            clinic.booking(chart=chart, doctor=doctor.id, date=time)
        return [row["date"] for row in doctor.get("/api/appointments", date=day).json["appointments"]]

    def test_day_begins_at_local_midnight(self, in_zone):
        times = ["2040-01-10T04:59:00Z", "2040-01-10T05:30:00Z", "2040-01-11T04:30:00Z", "2040-01-11T05:00:00Z"]

        assert self.days(in_zone("America/New_York"), times, "2040-01-10") == times[1:3]

    def test_day_the_clocks_go_forward_has_23_hours(self, in_zone):
        times = ["2026-03-08T04:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T03:30:00Z", "2026-03-09T04:00:00Z"]

        assert self.days(in_zone("America/New_York"), times, "2026-03-08") == times[1:3]

    def test_day_the_clocks_go_back_has_25_hours(self, in_zone):
        times = ["2026-11-01T03:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T04:30:00Z", "2026-11-02T05:00:00Z"]

        assert self.days(in_zone("America/New_York"), times, "2026-11-01") == times[1:3]

    def test_first_and_last_dates_are_accepted(self, in_zone, subtests):
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Africa/Monrovia"]:
            for day, status in [("0001-01-01", 400), ("9999-12-31", 400), ("1900-01-01", 200)]:
                with subtests.test(zone=zone, day=day, status=status):
                    clinic = in_zone(zone)

                    assert clinic.staff.get("/api/appointments", date=day).status == status

    def test_time_without_an_offset_is_local(self, in_zone):
        clinic = in_zone("America/New_York")

        made = clinic.booking(chart=clinic.chart()["id"], date="2040-07-02T09:00:00")

        assert made["date"] == "2040-07-02T13:00:00Z"

    def test_time_skipped_by_daylight_saving_is_refused(self, in_zone):
        clinic = in_zone("America/New_York")

        answer = try_to_book(clinic, clinic.staff, clinic.chart()["id"], date="2026-03-08T02:30:00")

        assert (answer.status, set(answer.json["errors"])) == (400, {"date"})
