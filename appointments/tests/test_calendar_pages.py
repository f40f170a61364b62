"""The calendar's page: who may open it, what it shows and says to the audit trail, and how it keeps up."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginSession
from appointments.tests.calendar_day import CALENDAR, MONDAY, PART, change, events, slot, visits
from appointments.tests.factories import (
    AppointmentFactory,
    AppointmentTypeFactory,
    ScheduleExceptionFactory,
    WorkingHoursFactory,
)
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory


def test_calendar_asks_for_a_sign_in_and_leads_back(client, day):
    answer = client.get(f"{CALENDAR}?day={MONDAY}")
    assert answer.url == f"/?next=/calendar/%3Fday%3D{MONDAY}"
    part = client.get(reverse("calendar_changes"), **PART)
    assert part["HX-Redirect"] == "/"
    shown = {**PART, "HTTP_HX_CURRENT_URL": f"http://testserver{CALENDAR}?day={MONDAY}"}
    assert client.get(reverse("calendar_changes"), **shown)["HX-Redirect"] == answer.url
    odd = client.get(reverse("calendar_changes"), **{**PART, "HTTP_HX_CURRENT_URL": "http://["})
    assert odd["HX-Redirect"] == "/"
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
    assert 'aria-label="Paula Jensen, 10:00 AM, Follow-up, Dr. Daniel Reyes, until 10:30 AM"' in page
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

    def add(hour):
        with practice_scope(practice.pk):
            doctor = make_user("doctor", office=OfficeFactory())
            WorkingHoursFactory(doctor=doctor)
            ScheduleExceptionFactory(doctor=doctor)
            for who in (doctor, day.doctor):
                start = datetime(2030, 1, 7, hour, tzinfo=UTC)
                kind = AppointmentTypeFactory()
                AppointmentFactory(
                    patient=PatientFactory(), doctor=who, type=kind, starts_at=start, ends_at=start + timedelta(hours=1)
                )

    views = [{"view": view, "doctor": day.doctor.pk} for view in ("day", "week", "list")]
    add(17)  # at an office that is not the doctor's own: offices are read
    ones = [count(**view) for view in views]
    for hour in (18, 19, 20):
        add(hour)
    assert [count(**view) for view in views] == ones
    assert max(ones) <= 23


BAD_ADDRESSES = [
    ({"day": "garbage"}, 400, "Enter a date between 1880 and 2200"),
    ({"day": "9999-12-31"}, 400, "Enter a date between 1880 and 2200"),
    ({"day": "0001-01-01"}, 400, "Enter a date between 1880 and 2200"),
    ({"view": "year"}, 400, "Choose one from the list."),
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


def test_open_day_notices_when_a_patient_or_a_doctor_is_renamed(enter_as, day, subtests):
    client = enter_as("staff")

    def asked(token):
        return client.get(reverse("calendar_changes"), {"day": MONDAY, "view": "day", "token": token}, **PART)

    shown = asked("x").content.decode()
    for model_row, name in ((day.chart, "Paula Jensen-Holm"), (day.doctor, "Dr. Dana Reyes")):
        with subtests.test(name=name):
            token = re.search(r"token=(\w+)", shown).group(1)
            assert asked(token).status_code == 204
            with practice_scope(day.practice.pk):
                model_row.name = name
                model_row.save()
            answer = asked(token)
            assert answer.status_code == 200
            shown = answer.content.decode()
            assert name in shown
