"""The calendar's panel of a free time: who is found, what speaks against it, and what is booked."""

from datetime import time
from uuid import uuid4

from django.urls import reverse
from django.utils import timezone

from appointments.tests.calendar_day import CALENDAR, NINE, PART, change, events, slot, visits
from appointments.tests.factories import (
    WorkingHoursFactory,
)
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory


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
    assert f'href="/calendar/?day=2030-01-07&amp;doctor={day.doctor.pk}#v-' in answer.content.decode()
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
    searched = {"new": "on", "patient": "", "q": "Nina Newman"}
    opened = client.post(reverse("calendar_slot"), slot(day, **searched), **PART).content.decode()
    assert 'value="Nina Newman"' in opened and "Enter a phone number." not in opened  # nothing was left out yet
    searched["q"] = "555-0177"
    assert "555-0177" not in client.post(reverse("calendar_slot"), slot(day, **searched), **PART).content.decode()
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
    ({"doctor": "", "by_room": "on"}, 200),
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
        office = OfficeFactory(timezone="America/Chicago")
        weekday = timezone.now().weekday()
        WorkingHoursFactory(doctor=day.doctor, office=office, weekday=weekday, start=time(0, 0), end=time(23, 59))
    page = enter_as("staff").get(reverse("calendar_next"), {"type": day.kind.pk}, **PART).content.decode()
    assert page.count("Dr. Daniel Reyes") >= 8
    assert "(Chicago time)" in page


def test_time_is_looked_for_for_a_patient_who_was_chosen_in_their_chart(enter_as, day, other_practice):
    client = enter_as("staff")
    for page in (reverse("chart", args=[day.chart.pk]), reverse("patient_visits", args=[day.chart.pk])):
        assert f'href="/calendar/?patient={day.chart.pk}"' in client.get(page).content.decode()
    before = len(events(day.practice))
    shown = client.get(CALENDAR, {"patient": day.chart.pk, "day": "2030-01-08", "view": "day"}).content.decode()
    assert "Choose a time for Paula Jensen." in shown
    assert shown.count(f"patient={day.chart.pk}") == 5  # the days, the print and what is asked for: it stays chosen
    assert str(day.chart.pk) in events(day.practice)[before].patients
    assert "booking-for" not in client.get(CALENDAR).content.decode()  # it is not remembered
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    assert client.get(CALENDAR, {"patient": foreign.pk}).status_code == 404
    assert client.get(CALENDAR, {"patient": "x"}).status_code == 400
