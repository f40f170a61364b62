"""The calendar's pages: who may open them, what they say to the audit trail, and what is booked and changed there."""

import re
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import orjson
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginSession
from appointments.models import Appointment
from appointments.tests.factories import (
    AppointmentFactory,
    AppointmentTypeFactory,
    RoomFactory,
    ScheduleExceptionFactory,
    WorkingHoursFactory,
)
from audit.models import Event
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from records.notes.services import create_draft

CALENDAR = "/calendar/"
MONDAY = "2030-01-07"
NINE = "2030-01-07T14:00:00Z"  # in New York
PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def day(practice, make_user):
    """A doctor who works on Mondays, a patient, and their visit at ten."""
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        WorkingHoursFactory(doctor=doctor)
        kind = AppointmentTypeFactory(name="Follow-up", colour="#1565c0")
        chart = PatientFactory(name="Paula Jensen", phone="(212) 555-0114")
        start = datetime(2030, 1, 7, 15, tzinfo=UTC)
        visit = AppointmentFactory(
            patient=chart, doctor=doctor, type=kind, starts_at=start, ends_at=start + timedelta(minutes=30)
        )
    return type("Day", (), {"doctor": doctor, "kind": kind, "chart": chart, "visit": visit, "practice": practice})


def slot(day, **fields):
    return {"doctor": day.doctor.pk, "start": NINE, "type": day.kind.pk, "patient": day.chart.pk, **fields}


def events(practice, **filters):
    with practice_scope(practice.pk):
        return list(Event.objects.filter(practice_id=practice.pk, **filters).order_by("id"))


def visits(practice):
    with practice_scope(practice.pk):
        return list(Appointment.objects.order_by("id"))


def change(client, visit, **fields):
    return client.post(reverse("calendar_change", args=[visit.pk]), fields, **PART)


# --- Who


def test_calendar_asks_for_a_sign_in_and_leads_back(client, day):
    answer = client.get(f"{CALENDAR}?day={MONDAY}")
    assert answer.url == f"/admin/login/?next=/calendar/%3Fday%3D{MONDAY}"
    part = client.get(reverse("calendar_changes"), **PART)
    assert part["HX-Redirect"] == "/admin/login/?next=/calendar/"
    assert client.get("/calendar?day=x").url == "/calendar/?day=x"
    signed_in = client.post(answer.url, {"username": day.doctor.email, "password": "Passw0rd!"})
    assert signed_in.url == f"{CALENDAR}?day={MONDAY}"


def test_calendar_is_for_those_who_work_with_appointments(enter_as, day, subtests):
    for role, status in {"admin": 200, "doctor": 200, "staff": 200, "billing": 403, "patient": 403}.items():
        client = enter_as(role)
        with subtests.test(role=role):
            page = client.get(CALENDAR, {"day": MONDAY, "view": "day"})
            assert page.status_code == status
            assert ("Paula Jensen" in page.content.decode()) == (status == 200)
            assert client.post(reverse("calendar_book"), slot(day), **PART).status_code == status
            assert client.get(reverse("calendar_visit", args=[day.visit.pk])).status_code == status
            assert "script-src 'self'" in page["Content-Security-Policy"]
            assert "unsafe" not in page["Content-Security-Policy"]
            assert page["Cache-Control"] == "no-store, private"
    assert len([one for one in events(day.practice, outcome="refused") if one.role == "patient"]) == 3


def test_another_practice_stays_out_of_sight(enter_as, day, other_practice, make_user, subtests):
    stranger = make_user("staff", practice=other_practice)
    client = Client()
    client.force_login(stranger)
    assert "Jensen" not in client.get(CALENDAR, {"day": MONDAY}).content.decode()
    found = client.post(reverse("calendar_patients"), {"q": "jensen"}, **PART)
    assert "Jensen" not in found.content.decode()
    for answer in (
        client.get(reverse("calendar_visit", args=[day.visit.pk])),
        client.post(reverse("calendar_slot"), slot(day), **PART),
        client.get(CALENDAR, {"view": "week", "doctor": day.doctor.pk}),
        client.get(reverse("calendar_next"), {"doctor": day.doctor.pk}),
    ):
        assert answer.status_code == 404
    assert "Appointment not found" in change(client, day.visit, status="cancelled").content.decode() or (
        change(client, day.visit, status="cancelled").status_code == 404
    )
    assert [visit.status for visit in visits(day.practice)] == ["scheduled"]


def test_forms_need_the_token_against_forgery(make_user, day):
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("staff"))
    assert client.post(reverse("calendar_book"), slot(day), **PART).status_code == 403
    client.get(CALENDAR)
    token = {"HTTP_X_CSRFTOKEN": client.cookies[settings.CSRF_COOKIE_NAME].value}
    assert "Booked" in client.post(reverse("calendar_book"), slot(day), **PART, **token).content.decode()


# --- Reading


def test_day_names_each_time_and_visit_and_is_audited(enter_as, day):
    client = enter_as("staff")
    page = client.get(CALENDAR, {"day": MONDAY}).content.decode()
    assert 'aria-label="Dr. Daniel Reyes, 9:00 AM, free"' in page
    assert 'aria-label="Dr. Daniel Reyes, 8:45 AM, free, outside working hours"' in page
    assert 'aria-label="10:00 AM to 10:30 AM, Paula Jensen, Follow-up, Dr. Daniel Reyes"' in page
    assert "Dr. Daniel Reyes, 10:15 AM" not in page
    (read,) = events(day.practice, kind="appointment.listed")
    assert orjson.loads(read.patients) == [str(day.chart.pk)]
    assert orjson.loads(read.details) == {"page": "calendar", "hits": 1}
    colours = client.get(reverse("calendar_colours"))
    assert colours.content.decode() == f".type-{day.kind.pk.hex}{{--type:#1565c0}}"


def test_every_view_opens_and_is_remembered(enter_as, day, practice, subtests):
    client = enter_as("staff")
    with practice_scope(practice.pk):
        office = OfficeFactory(name="Chicago Loop", timezone="America/Chicago")
        OfficeFactory(name="Midtown")
        WorkingHoursFactory(doctor=day.doctor, office=office, weekday=1)
    week = client.get(CALENDAR, {"view": "week", "day": MONDAY, "doctor": day.doctor.pk}).content.decode()
    assert "Jan 7 to Jan 13, 2030" in week and "Paula Jensen" in week
    assert 'value="week" selected' in client.get(CALENDAR).content.decode()
    listed = client.get(CALENDAR, {"view": "list", "day": MONDAY}).content.decode()
    assert "Paula Jensen" in listed and "Follow-up" in listed
    there = client.get(CALENDAR, {"view": "day", "day": "2030-01-08", "office": office.pk}).content.decode()
    assert "Dr. Daniel Reyes, 9:00 AM, free" in there  # in Chicago
    assert f'value="{office.pk}" selected' in client.get(CALENDAR).content.decode()
    everywhere = client.get(CALENDAR, {"day": "2030-01-08", "office": "all"}).content.decode()
    assert "Dr. Daniel Reyes, 10:00 AM, free" in everywhere  # the same in New York


def test_days_on_which_clocks_change_are_shown(enter_as, day):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        at = datetime(2030, 3, 10, 6, 30, tzinfo=UTC)  # half past one at night; the clocks skip two to three
        AppointmentFactory(patient=day.chart, doctor=day.doctor, starts_at=at, ends_at=at + timedelta(hours=1))
    spring = client.get(CALENDAR, {"day": "2030-03-10"}).content.decode()
    assert "Dr. Daniel Reyes, 2:30 AM" not in spring and "Dr. Daniel Reyes, 3:30 AM, free" in spring
    assert client.get(CALENDAR, {"day": "2030-11-03"}).status_code == 200


def test_number_of_queries_does_not_hang_on_what_is_shown(enter_as, day, practice, make_user):
    client = enter_as("staff")

    def count(**asked):
        client.get(CALENDAR, {"day": MONDAY, **asked})  # what is remembered is stored
        with CaptureQueriesContext(connection) as captured:
            assert client.get(CALENDAR, {"day": MONDAY, **asked}).status_code == 200
        return len(captured)

    views = [{"view": view, "doctor": day.doctor.pk} for view in ("day", "week", "list")]
    ones = [count(**view) for view in views]
    with practice_scope(practice.pk):
        for number in range(3):
            doctor = make_user("doctor", office=OfficeFactory())
            WorkingHoursFactory(doctor=doctor)
            ScheduleExceptionFactory(doctor=doctor)
            for who in (doctor, day.doctor):
                start = datetime(2030, 1, 7, 17 + number, tzinfo=UTC)
                kind = AppointmentTypeFactory()
                AppointmentFactory(
                    patient=PatientFactory(), doctor=who, type=kind, starts_at=start, ends_at=start + timedelta(hours=1)
                )
    assert [count(**view) for view in views] == ones
    assert max(ones) <= 22


BAD_ADDRESSES = [
    ({"day": "garbage"}, 400, "Enter a date between 1900 and 2200"),
    ({"day": "9999-12-31"}, 400, "Enter a date between 1900 and 2200"),
    ({"day": "0001-01-01"}, 400, "Enter a date between 1900 and 2200"),
    ({"view": "year"}, 400, "Select a valid choice"),
    ({"office": "x"}, 400, "Enter a valid UUID"),
    ({"office": str(uuid4())}, 404, "Office not found."),
    ({"doctor": str(uuid4())}, 404, "Doctor not found."),
    ({"day": "\0"}, 400, ""),
]


def test_bad_addresses_get_a_clear_error(enter_as, day, subtests):
    client = enter_as("staff")
    for asked, status, sentence in BAD_ADDRESSES:
        with subtests.test(asked=asked):
            page = client.get(CALENDAR, asked)
            assert (page.status_code, sentence in page.content.decode()) == (status, True)


# --- Others' changes


def test_page_asks_what_has_changed(enter_as, day):
    client = enter_as("staff")
    address = client.get(CALENDAR, {"day": MONDAY}).context["changes"]
    before = len(events(day.practice))
    assert client.get(address, **PART).status_code == 204
    assert len(events(day.practice)) == before
    other = enter_as("staff")
    change(other, day.visit, status="cancelled")
    fresh = client.get(address, **PART)
    assert fresh.status_code == 200 and "Paula Jensen" not in fresh.content.decode()
    assert client.get(fresh.context["changes"], **PART).status_code == 204


def test_asking_is_neither_activity_nor_counted(enter_as, day, settings):
    client = enter_as("staff")
    address = client.get(CALENDAR, {"day": MONDAY}).context["changes"]
    settings.RATE_LIMIT_PER_MINUTE, settings.POLLS_PER_MINUTE = 3, 6
    seen = LoginSession.objects.get(user=client.user)
    LoginSession.objects.filter(pk=seen.pk).update(last_seen_at=timezone.now() - timedelta(minutes=5))
    for _ in range(5):
        assert client.get(address, **PART).status_code == 204
    assert LoginSession.objects.get(pk=seen.pk).last_seen_at < timezone.now() - timedelta(minutes=4)
    for _ in range(3):
        assert client.get(reverse("calendar_next"), **PART).status_code == 200
    refused = client.get(reverse("calendar_next"), **PART)
    assert (refused.status_code, refused["HX-Retarget"]) == (429, "#message")
    assert client.get(CALENDAR).status_code == 429
    assert client.get(address, **PART).status_code == 204
    unseen = client.get(reverse("calendar_changes"), **PART)  # for a whole day, whoever has seen nothing of it
    assert unseen.status_code == 429
    assert [client.get(address, **PART).status_code for _ in range(8)][-1] == 429


def test_page_that_asks_forgets_nothing_that_another_tab_chose(enter_as, day):
    client = enter_as("staff")
    address = client.get(CALENDAR, {"day": MONDAY, "view": "week", "doctor": day.doctor.pk}).context["changes"]
    client.get(CALENDAR, {"day": MONDAY, "view": "list"})
    answer = client.get(address, **PART)
    assert (answer.status_code, answer.cookies) == (204, {})
    assert client.get(CALENDAR).context["shown"].view == "list"


# --- Booking


def test_patient_is_found_by_name_phone_and_birth_date(enter_as, day):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        PatientFactory(name="Restricted Jensen", phone="(212) 555-0199", restricted=True)
    for query in ("jens", "555-0114", str(day.chart.date_of_birth)):
        found = client.post(reverse("calendar_patients"), {"q": query}, **PART).content.decode()
        assert "Paula Jensen" in found and "(212) 555-0114" in found
        assert "555-0199" not in found
    assert "Restricted chart" in client.post(reverse("calendar_patients"), {"q": "jensen"}, **PART).content.decode()
    assert "Nobody found" in client.post(reverse("calendar_patients"), {"q": "xyzzy"}, **PART).content.decode()
    assert len(events(day.practice, kind="chart.searched")) == 5
    assert client.post(reverse("calendar_patients"), {"q": "x" * 201}, **PART).status_code == 400


def test_visit_is_booked_and_undone(enter_as, day):
    client = enter_as("staff")
    panel = client.post(reverse("calendar_slot"), {"doctor": day.doctor.pk, "start": NINE}, **PART).content.decode()
    assert "Mon, Jan 7, 9:00 AM" in panel and "Follow-up, 30 min" in panel
    answer = client.post(reverse("calendar_book"), slot(day), **PART)
    assert "Booked Paula Jensen with Dr. Daniel Reyes, Mon, Jan 7, 9:00 AM" in answer.content.decode()
    assert "calendar:changed" in answer["HX-Trigger-After-Settle"]
    _, booked = visits(day.practice)
    assert (booked.reason, booked.minutes, booked.type_id) == ("Follow-up", 30, day.kind.pk)
    undo = change(client, booked, undo="on", confirmed="on", status="cancelled", version=booked.version)
    assert "Undone." in undo.content.decode()
    assert [visit.status for visit in visits(day.practice)] == ["scheduled", "cancelled"]


def test_what_speaks_against_a_time_is_shown_before(enter_as, day, make_user):
    client = enter_as("staff")
    ask = lambda **fields: client.post(reverse("calendar_slot"), slot(day, **fields), **PART).content.decode()  # noqa: E731
    assert "outside working hours" in ask(start="2030-01-07T12:00:00Z")
    assert "The doctor has another appointment at this time." in ask(start="2030-01-07T14:45:00Z")
    other = make_user("doctor")
    assert "The patient has another appointment at this time." in ask(start="2030-01-07T15:00:00Z", doctor=other.pk)
    taken = client.post(reverse("calendar_book"), slot(day, start="2030-01-07T15:00:00Z"), **PART)
    assert (taken.status_code, "The doctor has another" in taken.content.decode()) == (200, True)
    twice = slot(day, start="2030-01-07T15:00:00Z", doctor=other.pk)
    assert "The patient has another" in client.post(reverse("calendar_book"), twice, **PART).content.decode()
    assert len(visits(day.practice)) == 1
    client.post(reverse("calendar_book"), {**twice, "allow_overlap": "on"}, **PART)
    assert len(visits(day.practice)) == 2


def test_new_patient_is_opened_and_booked_at_once(enter_as, day):
    client = enter_as("staff")
    new = {"new": "on", "patient": "", "name": "Nina Newman", "phone": "(212) 555-0177"}
    book = lambda **fields: client.post(reverse("calendar_book"), slot(day, **{**new, **fields}), **PART)  # noqa: E731
    assert "Enter the patient&#x27;s name." in book(name="").content.decode()
    assert "Enter a phone number." in book(phone="").content.decode()
    # what the booking refuses opens no chart
    assert "another appointment" in book(start="2030-01-07T15:00:00Z").content.decode()
    with practice_scope(day.practice.pk):
        assert Patient.objects.count() == 1
    assert "Booked Nina Newman" in book().content.decode()
    same = book(name="Paula Jensen", phone="(212) 555-0114", start="2030-01-07T16:00:00Z").content.decode()
    assert "Is it one of them?" in same
    assert len(visits(day.practice)) == 2
    assert enter_as("doctor").post(reverse("calendar_book"), slot(day, **new), **PART).status_code == 403


BAD_BOOKINGS = [
    ({"doctor": "x"}, 400),
    ({"start": "9999-12-31T23:59:59Z"}, 400),
    ({"start": "soon"}, 400),
    ({"patient": "x"}, 400),
    ({"type": str(uuid4())}, 404),
    ({"patient": str(uuid4())}, 404),
    ({"reason": "x" * 501}, 200),
    ({"patient": ""}, 200),
    ({"start": "2020-01-07T15:00:00Z"}, 200),
]


def test_slot_names_no_office_of_another_practice(enter_as, day, other_practice):
    with practice_scope(other_practice.pk):
        foreign = OfficeFactory(name="Foreign office")
    client = enter_as("staff")
    for page in ("calendar_slot", "calendar_book"):
        for office in (foreign.pk, uuid4()):
            answer = client.post(reverse(page), slot(day, office=office), **PART)
            assert answer.status_code == 404
            assert "Office not found." in answer.content.decode()


def test_nothing_is_booked_from_bad_input(enter_as, day, subtests):
    client = enter_as("staff")
    for fields, status in BAD_BOOKINGS:
        with subtests.test(fields=fields):
            answer = client.post(reverse("calendar_book"), slot(day, **fields), **PART)
            assert (answer.status_code, 'role="alert"' in answer.content.decode()) == (status, True)
    assert len(visits(day.practice)) == 1


def test_next_free_times_are_found_across_doctors(enter_as, day):
    with practice_scope(day.practice.pk):
        WorkingHoursFactory(doctor=day.doctor, weekday=timezone.now().weekday(), start=time(0, 0), end=time(23, 59))
    page = enter_as("staff").get(reverse("calendar_next"), {"type": day.kind.pk}, **PART).content.decode()
    assert page.count("Dr. Daniel Reyes") >= 8


# --- A visit


def test_visit_shows_who_it_is_unless_the_chart_is_restricted(enter_as, day):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        day.chart.allergies, day.chart.date_of_birth = "Penicillin", date(1984, 5, 17)
        day.chart.save()
    page = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    for said in ("Paula Jensen", "Penicillin", "May 17, 1984", "(212) 555-0114", "Back pain", "Follow-up"):
        assert said in page
    assert [one.about_id for one in events(day.practice, kind="appointment.read")] == [day.visit.pk]
    with practice_scope(day.practice.pk):
        Patient.objects.filter(pk=day.chart.pk).update(restricted=True)
    page = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert "This chart is restricted." in page
    assert not any(said in page for said in ("Penicillin", "1984", "555-0114", "Back pain"))


def test_visit_is_moved_with_a_warning_first_and_undone(enter_as, day):
    client = enter_as("staff")
    version = day.visit.version
    assert (
        "Moved Paula Jensen"
        in change(client, day.visit, start=NINE, doctor=day.doctor.pk, version=version).content.decode()
    )
    (moved,) = visits(day.practice)
    assert moved.starts_at == datetime(2030, 1, 7, 14, tzinfo=UTC)
    warned = change(client, moved, start="2030-01-07T11:00:00Z", version=moved.version).content.decode()
    assert "outside working hours" in warned and "Change it all the same" in warned
    assert visits(day.practice)[0].starts_at == moved.starts_at
    local = {"day": "2030-01-07", "time": "06:00", "version": moved.version, "confirmed": "on"}
    assert "6:00 AM" in change(client, moved, **local).content.decode()
    (again,) = visits(day.practice)
    longer = change(client, again, minutes=60, confirmed="on", version=again.version).content.decode()
    assert "now 60 minutes" in longer
    stale = change(client, again, start=NINE, version=again.version, confirmed="on").content.decode()
    assert "Someone else changed this" in stale and "data-error" in stale
    assert visits(day.practice)[0].minutes == 60


def test_visit_is_cancelled_and_booked_again_unless_its_time_is_taken(enter_as, day):
    client = enter_as("admin")
    assert "Cancelled: Paula Jensen" in change(client, day.visit, status="cancelled").content.decode()
    assert "Booked again" in change(client, day.visit, status="scheduled").content.decode()
    change(client, day.visit, status="cancelled")
    client.post(reverse("calendar_book"), slot(day, start="2030-01-07T15:00:00Z"), **PART)
    assert "another appointment" in change(client, day.visit, status="scheduled").content.decode()


BAD_CHANGES = [
    ({"start": "9999-12-31T23:59:59Z"}, 400),
    ({"day": "9999-12-31", "time": "10:00"}, 400),
    ({"minutes": 4}, 400),
    ({"status": "gone"}, 400),
    ({"doctor": str(uuid4())}, 200),
    ({"start": "2020-01-07T15:00:00Z"}, 200),
    ({"day": "2030-03-10", "time": "02:30", "confirmed": "on"}, 200),  # the clocks skip it
    ({}, 400),
]


def test_bad_changes_change_nothing(enter_as, day, subtests):
    client = enter_as("staff")
    for fields, status in BAD_CHANGES:
        with subtests.test(fields=fields):
            answer = change(client, day.visit, **fields)
            assert (answer.status_code, 'role="alert"' in answer.content.decode()) == (status, True)
    (visit,) = visits(day.practice)
    assert (visit.starts_at, visit.minutes, visit.status) == (day.visit.starts_at, 30, "scheduled")


# --- What happened to a visit


def act(client, visit, action, **fields):
    with practice_scope(visit.practice_id):
        fields = {"version": Appointment.objects.get(pk=visit.pk).version, **fields}
    return client.post(reverse("calendar_act", args=[visit.pk]), {"action": action, **fields}, **PART)


@pytest.fixture
def now(day):
    """The day's visit began an hour ago."""
    with practice_scope(day.practice.pk):
        start = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=1)
        Appointment.objects.filter(pk=day.visit.pk).update(starts_at=start, ends_at=start + timedelta(minutes=30))
        day.visit.refresh_from_db()
    return day


ACTS = [  # what is said, the words of the grid then, and the buttons of the panel then
    ("arrive", "here since", ["start", "finish", "undo"]),
    ("start", "with the doctor", ["finish", "undo"]),
    ("finish", "done", ["undo"]),
    ("undo", "with the doctor", ["finish", "undo"]),
    ("undo", "here since", ["start", "finish", "undo"]),
    ("undo", "", ["arrive", "start", "finish", "no-show"]),
    ("no-show", "no-show", ["arrive", "start", "finish", "undo"]),
    ("arrive", "here since", ["start", "finish", "undo"]),
]


def test_what_happened_is_said_with_one_click_each(enter_as, now, subtests):
    client = enter_as("staff")
    shown = timezone.localtime(now.visit.starts_at, now.practice.tzinfo).date()
    for action, words, buttons in ACTS:
        with subtests.test(action=action):
            answer = act(client, now.visit, action)
            assert ("Undone." if action == "undo" else words) in answer.content.decode()
            assert "calendar:changed" in answer["HX-Trigger-After-Settle"]
            panel = client.get(reverse("calendar_visit", args=[now.visit.pk]), **PART)
            found = re.findall(r'name="action" value="([a-z-]+)"', panel.content.decode())
            assert sorted(found) == sorted(buttons)
            for view in ("day", "week", "list"):
                page = client.get(CALENDAR, {"day": shown, "view": view, "doctor": now.doctor.pk}).content.decode()
                assert words.lower() in page.lower()
    says = act(client, now.visit, "arrive").content.decode()  # twice
    assert "here since" in says and "Undo" not in says
    assert "Undo" in act(client, now.visit, "start").content.decode()


def test_only_what_may_follow_now_is_offered_and_the_rest_is_refused(enter_as, day):
    client = enter_as("doctor")
    panel = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert re.findall(r'name="action" value="([a-z-]+)"', panel) == ["confirm"]  # it is on a later day
    assert "Not confirmed yet" in panel
    assert "on a later day" in act(client, day.visit, "arrive").content.decode()
    assert "Paula Jensen: confirmed" in act(client, day.visit, "confirm").content.decode()
    panel = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert "Not confirmed yet" not in panel
    grid = client.get(CALENDAR, {"day": MONDAY}).content.decode()
    assert "Follow-up, Dr. Daniel Reyes, confirmed" in grid and "is-confirmed" in grid


def test_whoever_saw_an_earlier_version_is_told_how_the_visit_is(enter_as, now):
    client = enter_as("staff")
    act(enter_as("doctor"), now.visit, "arrive")
    stale = act(client, now.visit, "no-show", version=now.visit.version)
    said = stale.content.decode()
    assert "Someone else changed this visit in the meantime. Now it is: here since" in said and "data-error" in said
    assert "calendar:changed" in stale["HX-Trigger-After-Settle"]
    (visit,) = visits(now.practice)
    assert visit.no_show_at is None and visit.arrived_at


def test_what_happened_is_said_by_the_practice_alone(enter_as, now, other_practice, make_user, subtests):
    for role, status in {"admin": 200, "billing": 403, "patient": 403}.items():
        with subtests.test(role=role):
            assert act(enter_as(role), now.visit, "arrive").status_code == status
    stranger = Client()
    stranger.force_login(make_user("staff", practice=other_practice))
    assert act(stranger, now.visit, "undo").status_code == 404
    client = enter_as("staff")
    for fields in ({"action": "cancel"}, {"action": ""}, {"version": ""}, {"version": "x"}, {"version": "9" * 40}):
        with subtests.test(fields=fields):
            answer = act(client, now.visit, **{"action": "undo", **fields})
            assert (answer.status_code, "data-error" in answer.content.decode()) in [(400, True), (200, True)]
    assert client.get(reverse("calendar_act", args=[now.visit.pk])).status_code == 405
    assert visits(now.practice)[0].arrived_at


def test_reason_of_a_cancellation_is_picked_afterwards(enter_as, day):
    client = enter_as("staff")
    said = change(client, day.visit, status="cancelled", version=day.visit.version).content.decode()
    assert "The patient is ill" in said and "Undo" in said
    (visit,) = visits(day.practice)
    said = change(client, visit, cancel_reason="patient_ill", version=visit.version).content.decode()
    assert "Reason: The patient is ill" in said
    panel = client.get(reverse("calendar_visit", args=[visit.pk]), **PART).content.decode()
    assert '<option value="patient_ill" selected>' in panel
    listed = client.get(CALENDAR, {"day": MONDAY, "view": "list"}).content.decode()
    assert "Cancelled: The patient is ill" in listed
    assert change(client, visit, cancel_reason="none of these").status_code == 400
    assert "Booked again" in change(client, visit, status="scheduled").content.decode()
    assert "has a reason why" in change(client, visit, cancel_reason="weather").content.decode()


def test_finished_visit_without_a_note_says_so(enter_as, now):
    client = enter_as("doctor")
    act(client, now.visit, "finish")
    panel = lambda: client.get(reverse("calendar_visit", args=[now.visit.pk]), **PART).content.decode()  # noqa: E731
    assert "No note yet" in panel()
    with practice_scope(now.practice.pk):
        create_draft(by=client.user, patient_id=now.chart.pk, appointment_id=now.visit.pk, subjective="Better.")
    assert "No note yet" not in panel()


def test_room_is_chosen_and_its_conflict_shown_before(enter_as, day, make_user):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        office = OfficeFactory(name="Midtown")
        room, other = RoomFactory(office=office, name="Room 1"), RoomFactory(office=office, name="Room 2")
        elsewhere = RoomFactory(office=OfficeFactory(name="Downtown"), name="Suite 9")
    doctor = make_user("doctor", office=office)
    at_ten = {"start": "2030-01-07T15:00:00Z", "doctor": doctor.pk, "allow_overlap": "on"}
    ask = lambda **fields: client.post(reverse("calendar_slot"), slot(day, **fields), **PART).content.decode()  # noqa: E731
    assert "Room 1" in ask(**at_ten) and elsewhere.name not in ask(**at_ten)
    assert "Booked" in client.post(reverse("calendar_book"), slot(day, **at_ten, room=room.pk), **PART).content.decode()
    _, booked = visits(day.practice)
    assert booked.room_id == room.pk
    panel = client.get(reverse("calendar_visit", args=[booked.pk]), **PART).content.decode()
    assert "Midtown, Room 1" in panel and f'<option value="{room.pk}" selected>' in panel

    third = make_user("doctor", office=office)
    taken = {**at_ten, "doctor": third.pk, "room": room.pk}
    assert "The room is taken at this time." in ask(**taken)
    assert "The room is taken" in client.post(reverse("calendar_book"), slot(day, **taken), **PART).content.decode()
    client.post(reverse("calendar_book"), slot(day, **{**taken, "room": other.pk}), **PART)
    *_, last = visits(day.practice)
    assert "The room is taken" in change(client, last, room=room.pk, version=last.version).content.decode()
    emptied = change(client, last, room="", version=last.version, confirmed="on").content.decode()
    assert "now without a room" in emptied and f'name="room" value="{other.pk}"' in emptied
    assert visits(day.practice)[-1].room_id is None
    chosen = change(client, last, room=other.pk, confirmed="on").content.decode()
    assert "now in room Room 2" in chosen
    assert change(client, last, room="x").status_code == 400
    assert "data-error" in change(client, last, room=str(uuid4())).content.decode()
