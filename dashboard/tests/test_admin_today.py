"""The Today page, and lists whose query count does not grow with their rows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from appointments.calendar.links import day_address
from appointments.tests.factories import AppointmentFactory
from core.cache import redis_client
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from records.tests.factories import MedicalRecordFactory

SEARCHED = [
    "admin:patients_patient_changelist",
    "admin:appointments_appointment_changelist",
    "admin:records_medicalrecord_changelist",
    "admin:accounts_user_changelist",
]
PAGES = [
    "admin:index",
    "admin:practices_office_changelist",
    *SEARCHED,
]


def add_today(own, minutes, **fields):
    start, _ = own.practice.day_bounds(own.practice.today())
    at = start + timedelta(minutes=minutes)
    with practice_scope(own.practice.pk):
        return AppointmentFactory(
            patient=own.chart, doctor=own.doctor, starts_at=at, ends_at=at + timedelta(minutes=30), **fields
        )


def test_today_shows_the_day_and_who_waits(enter_as, own, foreign):
    add_today(own, 10 * 60)
    add_today(own, 9 * 60, status="cancelled")
    add_today(own, 24 * 60 + 60)
    add_today(foreign, 9 * 60)
    page = enter_as("admin").get(reverse("admin:index"))
    text = page.content.decode()
    assert [row.get_status_display() for row in page.context["appointments"]] == ["Cancelled", "Scheduled"]
    assert "10:00 AM" in text and "Ann Ownwood" in text and "Dr Ownwood" in text
    assert page.context["scheduled_today"] == 1
    assert "Pending Ownwood" in text and "Confirm as new: Pending Ownwood" in text
    assert "Foreignson" not in text
    assert "totalPatients" not in text and "Patients" in text


def test_registrations_are_shown_to_who_may_confirm_them(enter_as, own):
    text = enter_as("doctor").get(reverse("admin:index")).content.decode()

    assert "Pending Ownwood" not in text and "Registrations to confirm" not in text


def test_today_names_offices_where_there_are_some(enter_as, own):
    add_today(own, 9 * 60)
    address, heading = reverse("admin:index"), '<th scope="col">Office</th>'
    client = enter_as("admin")
    assert heading not in client.get(address).content.decode()

    add_today(own, 10 * 60, office=own.office)

    page = client.get(address).content.decode()
    assert heading in page and '<td data-label="Office">Office Ownwood</td>' in page


def test_front_desk_sees_who_waits_and_the_button(enter_as, own):
    visit = add_today(own, 9 * 60)
    text = enter_as("staff").get(reverse("admin:index")).content.decode()
    assert f'href="{reverse("chart", args=[own.chart.pk])}">Ann Ownwood' in text
    assert f'href="{escape(day_address(visit))}">9:00 AM' in text
    billing = enter_as("billing").get(reverse("admin:index")).content.decode()
    assert f'href="{reverse("chart", args=[own.chart.pk])}">Ann Ownwood' in billing
    assert "Pending Ownwood" in text and "Confirm as new: Pending Ownwood" in text


def test_empty_clinic_shows_empty_messages(enter_as, practice):
    text = enter_as("admin").get(reverse("admin:index")).content.decode()
    assert "No appointments today." in text and "Nothing waiting." in text


@pytest.mark.parametrize(
    ("page", "query"),
    [(page, {}) for page in PAGES] + [(page, {"q": word}) for page in SEARCHED for word in ("ann", "ow")],
)
def test_query_count_of_pages_is_constant(enter_as, own, make_user, page, query):
    client = enter_as("admin", name="Ann Owner")
    add_today(own, 8 * 60)
    client.get(reverse(page), query)  # fills the caches of the process

    def cost():
        if redis_client.configured():
            redis_client.client().flushdb()  # a test's transaction never commits, so cached totals would stay
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(page), query).status_code == 200
        return len(queries)

    one = cost()
    with practice_scope(own.practice.pk):
        for number in range(2):
            chart = PatientFactory(name=f"Ann Ownwood {number}", status="pending")
            office = OfficeFactory()
            doctor = make_user("doctor", name=f"Ann {number}", office=office)
            MedicalRecordFactory(patient=chart, doctor=doctor)
            add_today(own, 9 * 60 + 60 * number, office=office)
    assert cost() == one
    # one asks which of a practice's first steps are done
    max_queries = 17 if page == "admin:index" else 12  # two look for charts that match registrations, one for no-shows
    assert one <= max_queries  # one logs, one counts emergencies for the badge, one sums payments, Today lists them
