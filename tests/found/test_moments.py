"""Days and moments: a day is no moment, and a visit has the status that its day allows.

Seen in cal.diy#13166, #5260 and #3448, openemr#5841, care_fe#15256, ottehr#3574.
"""

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, WaitingListEntry
from appointments.tests.factories import AppointmentFactory
from tests.contract.clinic import CHART

JSON = "application/json"
DAYS = ["2031-06-15", "20310615", "2031-W24-7", "2031-W24", " 2031-06-15 "]
DAYS += ["2031-06-15+02:00", "2031-06-15-05:00", "20310615+0200", "2031-06-15Z", "2031-W24-7+02:00", "2031-W24T10:00"]


@pytest.fixture
def visit_on(practice, chart, doctor):
    """`visit_on(days)`: a visit at 10:00 at the practice, so many days from today."""

    def make(days, **fields):
        day = practice.today() + timedelta(days=days)
        start = datetime.combine(day, datetime.min.time(), practice.tzinfo).replace(hour=10)
        end = start + timedelta(minutes=30)
        return AppointmentFactory(patient=chart, doctor=doctor.user, starts_at=start, ends_at=end, **fields)

    return make


@pytest.fixture
def booking(chart, doctor):
    return {"patientId": str(chart.pk), "doctorId": str(doctor.user.pk), "reason": "Pain"}


def at(visit):
    return f"/api/appointments/{visit.pk}"


def days_ago(practice, days):
    return f"{practice.today() - timedelta(days=days)}T10:00"


@pytest.mark.parametrize("day", DAYS)
def test_day_alone_is_no_moment(staff, doctor, booking, chart, visit_on, day, subtests):
    visit, patient = visit_on(3), {"patientId": str(chart.pk)}
    record = {**patient, "diagnosis": "Strain", "prescription": "", "notes": ""}
    note = doctor.post("/api/sessions", {**patient, "plan": "Rest"}, JSON).json()
    for call in (
        lambda: staff.post("/api/appointments", {**booking, "date": day}, JSON),
        lambda: staff.patch(at(visit), {"date": day}, JSON),
        lambda: doctor.post("/api/sessions", {**patient, "date": day}, JSON),
        lambda: doctor.patch(f"/api/sessions/{note['id']}", {"version": 1, "date": day}, JSON),
        lambda: doctor.post("/api/records", {**record, "date": day}, JSON),
    ):
        with subtests.test():
            answer = call()

            assert (answer.status_code, set(answer.json()["errors"])) == (400, {"date"})
    assert Appointment.objects.get().starts_at == visit.starts_at


def test_day_alone_is_no_moment_on_what_came_later(as_role, staff, chart, doctor, subtests):
    """Holds, series, offers, time off: no time, or one that the clocks skip in New York."""
    ids = {"doctorId": str(doctor.user.pk)}
    series = {**ids, "patientId": str(chart.pk), "reason": "Pain", "unit": "week", "count": 2}
    entry = staff.post("/api/waiting-list", {"patientId": str(chart.pk)}, JSON).json()["id"]
    off = {**ids, "from": "2031-03-07T10:00", "to": "2031-03-12T10:00"}
    made = doctor.post("/api/schedule-exceptions", off, JSON).json()["id"]
    for client, method, path, body, name in [
        (staff, "post", "/api/holds", ids, "date"),
        (staff, "post", "/api/appointments/series", series, "date"),
        (staff, "post", f"/api/waiting-list/{entry}/offers", ids, "date"),
        (doctor, "post", "/api/schedule-exceptions", off, "from"),
        (doctor, "post", "/api/schedule-exceptions", off, "to"),
        (doctor, "patch", f"/api/schedule-exceptions/{made}", {}, "from"),
        (doctor, "patch", f"/api/schedule-exceptions/{made}", {}, "to"),
    ]:
        for moment in ("2031-03-10", "20310310", "2031-03-10Z", "2031-03-10T", "10:00", "2031-03-09T02:30", ""):
            with subtests.test(path=path, name=name, moment=moment):
                answer = getattr(client, method)(path, {**body, name: moment}, JSON)

                assert (answer.status_code, set(answer.json()["errors"])) == (400, {name})


def test_nobody_waits_for_a_day_that_has_passed(staff, chart, practice):
    yesterday, today = str(practice.today() - timedelta(days=1)), str(practice.today())
    wish = {"patientId": str(chart.pk), "firstDay": "2001-01-01"}

    refused = staff.post("/api/waiting-list", {**wish, "lastDay": yesterday}, JSON)
    made = staff.post("/api/waiting-list", {**wish, "lastDay": today}, JSON).json()
    path = f"/api/waiting-list/{made['id']}"
    WaitingListEntry.objects.update(last_day=yesterday)  # a day later

    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"lastDay"})
    assert staff.patch(path, {"lastDay": "2001-02-01"}, JSON).status_code == 400
    noted = staff.patch(path, {**staff.get(path).json(), "note": "Called twice"}, JSON)
    assert (noted.status_code, noted.json()["note"]) == (200, "Called twice")


def test_range_that_ends_before_it_begins_is_refused(as_role, doctor, staff, subtests):
    """It was answered with an empty list, as if there were nothing."""
    for client, path in [
        (staff, "/api/appointments"),
        (doctor, "/api/sessions"),
        (staff, "/api/schedule-exceptions"),
        (staff, "/api/availability"),
        (as_role("admin"), "/api/audit"),
    ]:
        with subtests.test(path=path):
            backwards = client.get(path, {"from": "2031-02-02", "to": "2031-02-01"})

            assert (backwards.status_code, set(backwards.json()["errors"])) == (400, {"to"})
            assert client.get(path, {"from": "2031-02-02", "to": "2031-02-02"}).status_code == 200


def test_holiday_on_a_day_without_a_midnight(as_role, practice, scope):
    """In Beirut the clocks skipped the midnight of 27 March 2022."""
    practice.timezone = "Asia/Beirut"
    practice.save()
    manager = as_role("admin")
    body = {"country": "LB", "year": 2022}
    days = [day["date"] for day in manager.get("/api/holidays", body).json()["holidays"]]

    made = manager.post("/api/holidays", {**body, "dates": days}, JSON)

    assert (made.status_code, len(made.json()["scheduleExceptions"])) == (201, len(days))


def test_day_of_another_age_is_a_slip(as_role, doctor, staff, chart, scope, subtests):
    """0001-01-01 is what programs have for no date, 9999-12-31 for never."""
    biller, at = as_role("billing"), str(chart.pk)
    service = {"description": "Massage", "unitPrice": "80.00"}
    for client, path, body, names in [
        (doctor, f"/api/patients/{at}/problems", {"text": "Asthma"}, ("since", "until")),
        (doctor, f"/api/patients/{at}/medications", {"text": "Naproxen"}, ("since", "until")),
        (
            doctor,
            "/api/plans",
            {"patientId": at, "title": "Walk", "startsOn": "2026-11-02"},
            ("startsOn", "targetEndOn"),
        ),
        (biller, "/api/invoices", {"patientId": at, "lines": [service]}, ("dueOn",)),
        (biller, "/api/payments", {"patientId": at, "amount": "5.00", "method": "cash"}, ("receivedOn",)),
        (staff, "/api/waiting-list", {"patientId": at}, ("firstDay", "lastDay")),
        (staff, "/api/patients", CHART, ("dateOfBirth",)),
    ]:
        for name in names:
            for day in ("0001-01-01", "1879-12-31", "9999-12-31"):
                with subtests.test(path=path, name=name, day=day):
                    answer = client.post(path, {**body, name: day}, JSON)

                    assert (answer.status_code, set(answer.json()["errors"])) == (400, {name})
    for path in ("reports/revenue?from=9999-12-31", "reports/takings?day=0001-01-01"):
        with subtests.test(path=path):
            assert biller.get(f"/api/{path}").status_code == 400


def test_day_of_another_age_is_a_slip_on_pages(enter_as, own):
    page = enter_as("doctor").post(
        reverse("chart_entry_add", args=[own.chart.pk, "problem"]), {"text": "Asthma", "since": "0001-01-01"}
    )

    assert "Enter a date between 1880 and 2200." in page.content.decode()


def test_week_is_no_day(staff, doctor, chart, subtests):
    plan = {"patientId": str(chart.pk), "title": "Back to work"}
    for name, call in [
        ("startsOn", lambda week: doctor.post("/api/plans", {**plan, "startsOn": week}, JSON)),
        ("dateOfBirth", lambda week: staff.post("/api/patients", {"dateOfBirth": week}, JSON)),
        ("date", lambda week: staff.get("/api/appointments", {"date": week})),
    ]:
        for week in ("2026-W24", "2026W24"):
            with subtests.test(name=name, week=week):
                assert name in call(week).json().get("errors", {})


def test_moments_are_still_taken_in_any_notation(staff, booking, subtests):
    for number, date in enumerate(["2031-06-15T10:00", "2031-06-15 11:00:00", "2031-06-15T12:00Z", "20310615T1500"]):
        with subtests.test(date=date):
            answer = staff.post("/api/appointments", {**booking, "date": date}, JSON)

            assert answer.status_code == 201, (number, answer.content)


def test_visit_of_a_later_day_is_not_completed_and_keeps_its_slot(staff, visit_on, booking):
    visit = visit_on(1)

    answer = staff.patch(at(visit), {"status": "completed"}, JSON)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"status"})
    again = staff.post("/api/appointments", {**booking, "date": visit.starts_at.isoformat()}, JSON)
    assert again.status_code == 409


def test_completed_visit_is_not_moved_to_a_later_day(staff, visit_on):
    visit, later = visit_on(0), timezone.now() + timedelta(days=3)
    assert staff.patch(at(visit), {"status": "completed"}, JSON).status_code == 200

    moved = staff.patch(at(visit), {"date": later.isoformat()}, JSON)
    both = staff.patch(at(visit_on(-1)), {"date": later.isoformat(), "status": "completed"}, JSON)

    assert (moved.status_code, set(moved.json()["errors"])) == (400, {"date"})
    assert (both.status_code, set(both.json()["errors"])) == (400, {"status"})


@pytest.mark.parametrize("days", [0, -1, -30])
def test_visit_of_today_or_before_is_completed(staff, visit_on, days):
    answer = staff.patch(at(visit_on(days)), {"status": "completed"}, JSON)

    assert (answer.status_code, answer.json()["status"]) == (200, "completed")


def test_today_is_the_practices(staff, visit_on, practice):
    """At 23:30 in Honolulu it is tomorrow in London."""
    practice.timezone = "Pacific/Honolulu"
    practice.save()

    assert staff.patch(at(visit_on(0)), {"status": "completed"}, JSON).status_code == 200
    assert staff.patch(at(visit_on(1)), {"status": "completed"}, JSON).status_code == 400


def test_cancelled_visit_is_reopened_before_anything_else(staff, visit_on):
    visit = visit_on(0, status="cancelled")
    later = (visit.starts_at + timedelta(days=1)).isoformat()

    for change in ({"status": "completed"}, {"date": later}, {"date": later, "status": "completed"}):
        answer = staff.patch(at(visit), change, JSON)
        assert answer.status_code in (400, 409), change
    noted = staff.patch(at(visit), {"notes": "Called at eight to cancel"}, JSON)
    moved = staff.patch(at(visit), {"date": later, "status": "scheduled"}, JSON)

    assert (noted.status_code, noted.json()["status"]) == (200, "cancelled")
    assert (moved.status_code, moved.json()["status"]) == (200, "scheduled")


@pytest.mark.parametrize("days", [1, 30, 400, 2000])
def test_past_day_is_booked_only_on_purpose(staff, booking, practice, days):
    body = {**booking, "date": days_ago(practice, days)}

    refused = staff.post("/api/appointments", body, JSON)
    entered = staff.post("/api/appointments", {**body, "allowPast": True}, JSON)

    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"date"})
    assert set(refused.json()["errors"]) == {"date"}
    assert entered.status_code == 201


def test_walk_in_of_today_is_entered_afterwards(staff, booking, practice):
    midnight, _ = practice.day_bounds(practice.today())

    assert staff.post("/api/appointments", {**booking, "date": midnight.isoformat()}, JSON).status_code == 201


def test_visit_is_moved_to_a_past_day_only_on_purpose(staff, visit_on, practice):
    visit, change = visit_on(1), {"date": days_ago(practice, 3)}

    assert staff.patch(at(visit), change, JSON).status_code == 400
    assert staff.patch(at(visit), {**change, "allowPast": True}, JSON).status_code == 200
    assert staff.patch(at(visit), {"notes": "Came late"}, JSON).status_code == 200  # is past already


def test_patient_books_no_past_day_on_purpose(booking, practice, chart, make_user, client_of):
    chart.user_id = make_user("patient").pk
    chart.save()
    body = {**booking, "date": days_ago(practice, 1), "allowPast": True}

    answer = client_of(chart.user).post("/api/appointments", body, JSON)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"date"})


@pytest.mark.parametrize("days", [1, 30, 23_000])
def test_session_and_record_are_not_of_a_later_day(doctor, chart, practice, days):
    later = f"{practice.today() + timedelta(days=days)}T09:00"
    record = {"patientId": str(chart.pk), "diagnosis": "Strain", "prescription": "", "notes": "", "date": later}

    for path, body in (("sessions", {"patientId": str(chart.pk), "date": later}), ("records", record)):
        answer = doctor.post(f"/api/{path}", body, JSON)
        assert (answer.status_code, set(answer.json()["errors"])) == (400, {"date"}), path


def test_session_of_later_today_can_be_prepared(doctor, chart, practice):
    late = f"{practice.today()}T23:30"

    assert doctor.post("/api/sessions", {"patientId": str(chart.pk), "date": late}, JSON).status_code == 201


def test_draft_and_amendment_are_not_moved_to_a_later_day(doctor, chart, practice):
    later = f"{practice.today() + timedelta(days=2)}T09:00"
    note = doctor.post("/api/sessions", {"patientId": str(chart.pk), "plan": "Rest"}, JSON).json()
    path = f"/api/sessions/{note['id']}"

    assert doctor.patch(path, {"version": 1, "date": later}, JSON).status_code == 400
    doctor.post(f"{path}/finalise", {"version": 1}, JSON)
    amendment = {"version": 2, "reason": "Wrong day", "date": later}
    assert doctor.post(f"{path}/amendments", amendment, JSON).status_code == 400


class TestOnThePage:
    @pytest.fixture
    def manager(self, make_user, client):
        client.force_login(make_user("admin"))
        return client

    def send(self, manager, visit, **fields):
        start = timezone.localtime(visit.starts_at, visit.tzinfo)
        page = manager.get(reverse("admin:appointments_appointment_change", args=[visit.pk]))
        version = page.context["adminform"].form.initial["version"]
        form = {"starts_at_0": start.date(), "starts_at_1": f"{start:%H:%M}", "status": visit.status, "notes": ""}
        return manager.post(page.request["PATH_INFO"], {**form, "version": version, **fields})

    def test_visit_of_a_later_day_is_not_completed(self, manager, visit_on):
        visit = visit_on(1)

        answer = self.send(manager, visit, status="completed")

        assert answer.status_code == 200
        assert "later day" in answer.content.decode()
        visit.refresh_from_db()
        assert visit.status == "scheduled"

    def test_past_day_needs_a_tick(self, manager, visit_on, practice):
        visit, day = visit_on(1), practice.today() - timedelta(days=2)

        assert "This day has passed" in self.send(manager, visit, starts_at_0=day).content.decode()
        assert self.send(manager, visit, starts_at_0=day, allow_past="on").status_code == 302
        visit.refresh_from_db()
        assert (visit.starts_at.astimezone(practice.tzinfo).date(), visit.version) == (day, 2)
