"""The admin site shows local times of the office, with the time zone if it differs from the practice's."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from appointments.models import Appointment
from core.admin.base import STALE
from core.tenancy.scope import practice_scope
from dashboard.tests.test_admin_today import add_today
from practices.models import Office, Practice
from practices.tests.factories import OfficeFactory
from tests.admin_forms import errors_of, form_values, page_of, send

LIST, ADD = "admin:appointments_appointment_changelist", "admin:appointments_appointment_add"


@pytest.fixture
def chicago(own):
    """An office one hour behind its practice in New York."""
    with practice_scope(own.practice.pk):
        return OfficeFactory(name="Loop", timezone="America/Chicago")


@pytest.fixture
def book(enter_as, own):
    client = enter_as("admin")

    def send_form(**fields):
        form = {"starts_at_0": "2031-01-06", "starts_at_1": "09:00", "reason": "Check-up", "notes": ""}
        return client.post(reverse(ADD), {**form, "patient": own.chart.pk, "doctor": own.doctor.pk, **fields})

    return send_form


def latest(own):
    with practice_scope(own.practice.pk):
        return Appointment.objects.latest("created_at")


def test_time_is_the_offices_when_it_is_booked(own, chicago, book):
    assert book(office=chicago.pk).status_code == 302
    assert latest(own).starts_at == datetime(2031, 1, 6, 15, tzinfo=UTC)

    assert book(office=own.office.pk).status_code == 302
    assert latest(own).starts_at == datetime(2031, 1, 6, 14, tzinfo=UTC)


def test_blank_office_defaults_to_the_doctors_office_and_time(own, chicago, book):
    with practice_scope(own.practice.pk):
        User.objects.filter(pk=own.doctor.pk).update(office=chicago)

    assert book().status_code == 302

    assert (latest(own).office_id, latest(own).starts_at) == (chicago.pk, datetime(2031, 1, 6, 15, tzinfo=UTC))


def test_time_that_the_offices_clocks_skip_stands_beside_its_field(own, chicago, book):
    answer = book(office=chicago.pk, starts_at_0="2031-03-09", starts_at_1="02:30")

    message = "This time doesn't exist that day: clocks go forward (Chicago time)."
    assert errors_of(answer) == {"starts_at": [message]}
    assert book(office=chicago.pk, starts_at_0="2031-03-09", starts_at_1="03:30").status_code == 302
    assert latest(own).starts_at == datetime(2031, 3, 9, 8, 30, tzinfo=UTC)


def test_form_shows_office_time_and_saving_keeps_the_moment(enter_as, own, chicago, book):
    book(office=chicago.pk)
    client, made = enter_as("admin"), latest(own)

    form = form_values(client, made)
    assert (form["starts_at_0"], form["starts_at_1"]) == ("2031-01-06", "09:00:00")
    text = client.get(page_of(made)).content.decode()
    assert "Jan 6, 2031, 9:30 AM (Chicago time)" in text  # where it ends
    assert "Chicago time for Loop, otherwise New York time." in text

    assert send(client, made, notes="Brings X-rays").status_code == 302
    assert latest(own).starts_at == made.starts_at
    assert send(client, made, starts_at_1="10:00").status_code == 302
    assert latest(own).starts_at == datetime(2031, 1, 6, 16, tzinfo=UTC)


def test_office_change_keeps_the_local_time(enter_as, own, chicago, book):
    book(office=own.office.pk)
    client, made = enter_as("admin"), latest(own)
    assert made.starts_at == datetime(2031, 1, 6, 14, tzinfo=UTC)

    assert send(client, made, office=str(chicago.pk)).status_code == 302

    assert latest(own).starts_at == datetime(2031, 1, 6, 15, tzinfo=UTC)
    assert form_values(client, latest(own))["starts_at_1"] == "09:00:00"


@pytest.mark.parametrize("zone", ["America/New_York", "America/Toronto", ""])
def test_office_change_in_same_zone_keeps_the_second_of_two_hours(enter_as, own, book, zone):
    book(office=own.office.pk)
    second = datetime(2031, 11, 2, 6, 30, tzinfo=UTC)  # 1:30 for the second time that night
    with practice_scope(own.practice.pk):
        other = OfficeFactory(timezone=zone)
        made = latest(own)
        Appointment.objects.filter(pk=made.pk).update(starts_at=second, ends_at=second + timedelta(minutes=30))
    client = enter_as("admin")
    assert form_values(client, made)["starts_at_1"] == "01:30:00"

    assert send(client, made, office=str(other.pk)).status_code == 302
    assert (latest(own).office_id, latest(own).starts_at) == (other.pk, second)

    assert send(client, made, office=None).status_code == 302
    assert (latest(own).office_id, latest(own).starts_at) == (None, second)

    assert send(client, made, office=str(other.pk), starts_at_1="02:30").status_code == 302
    assert latest(own).starts_at == datetime(2031, 11, 2, 7, 30, tzinfo=UTC)


def move_the_office(own, elsewhere):
    Office.objects.filter(pk=own.office.pk).update(timezone="America/Los_Angeles")


def move_the_doctor(own, elsewhere):
    User.objects.filter(pk=own.doctor.pk).update(office=elsewhere)


def move_the_practice(own, elsewhere):
    Practice.objects.filter(pk=own.practice.pk).update(timezone="America/Los_Angeles")


@pytest.mark.parametrize(
    ("in_office", "move"), [(True, move_the_office), (False, move_the_doctor), (False, move_the_practice)]
)
def test_form_opened_in_another_zone_is_stale_and_moves_nothing(enter_as, own, chicago, book, in_office, move):
    assert book(**({"office": own.office.pk} if in_office else {})).status_code == 302
    client, made = enter_as("admin"), latest(own)
    assert made.office_id == (own.office.pk if in_office else None)
    form = form_values(client, made)
    with practice_scope(own.practice.pk):
        move(own, chicago)

    answer = client.post(page_of(made), {**form, "notes": "Brings X-rays"})

    assert errors_of(answer) == {"__all__": [STALE]}
    assert (latest(own).notes, latest(own).starts_at) == ("", made.starts_at)
    assert send(client, made, notes="Brings X-rays").status_code == 302  # opened again
    assert (latest(own).notes, latest(own).starts_at) == ("Brings X-rays", made.starts_at)


def test_list_and_a_page_without_a_form_name_the_zone_where_it_differs(enter_as, own, chicago, book):
    book(office=chicago.pk)
    made = latest(own)
    book(office=own.office.pk)

    text = enter_as("admin").get(reverse(LIST)).content.decode()
    assert "Jan 6, 2031, 9:00 AM (Chicago time)" in text
    assert "Jan 6, 2031, 9:00 AM<" in text
    assert "Jan 6, 2031, 9:00 AM (Chicago time)" in enter_as("staff").get(page_of(made)).content.decode()


def test_today_names_the_zone_where_it_differs(enter_as, own, chicago):
    add_today(own, 10 * 60, office=chicago)
    add_today(own, 11 * 60)

    text = enter_as("admin").get(reverse("admin:index")).content.decode()

    assert '9:00 AM</a> <span class="praxis-zone">(Chicago time)</span>' in text
    assert "11:00 AM</a>" in text and text.count("praxis-zone") == 1


@pytest.mark.parametrize("page", [LIST, "admin:index"])
def test_appointments_and_doctors_without_an_office_cost_nothing_more(enter_as, own, page):
    client = enter_as("admin")

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(page), {"o": "1"}).status_code == 200  # no total is remembered for it
        return len(queries)

    add_today(own, 9 * 60)
    cost()
    one = cost()
    for hour in (10, 11):
        add_today(own, hour * 60)
    assert cost() == one


def test_time_zone_is_hidden_if_all_offices_share_it(enter_as, own, book):
    book()
    client = enter_as("admin")

    for address in (reverse(ADD), reverse(LIST), page_of(latest(own))):
        text = client.get(address).content.decode().replace("|America/New_York", "")  # in the hidden version
        assert "America/" not in text
