"""A patient's whole calendar, and what leads to the calendar from the manager's pages and Today."""

from datetime import timedelta

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import NoteFactory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def doctor(make_user):
    return make_user("doctor", name="Dr. Daniel Reyes")


@pytest.fixture
def chart(scope):
    return PatientFactory(name="Paula Jensen")


def visit(chart, doctor, start, **fields):
    return AppointmentFactory(patient=chart, doctor=doctor, starts_at=start, ends_at=start + HOUR / 2, **fields)


def of_patient(chart):
    return reverse("patient_visits", args=[chart.pk])


def test_visits_to_come_and_earlier_ones_are_listed(enter_as, chart, doctor):
    now, kind = timezone.now(), AppointmentTypeFactory(name="Follow-up")
    missed = visit(chart, doctor, now - 3 * DAY, no_show_at=now - 3 * DAY, reason="Missed")
    done = visit(chart, doctor, now - DAY, status="completed", type=kind, reason="Neck")
    later, soon = visit(chart, doctor, now + 9 * DAY), visit(chart, doctor, now + DAY, confirmed_at=now)
    cancelled = visit(chart, doctor, now + 5 * DAY, status="cancelled", cancelled_at=now)
    visit(PatientFactory(), doctor, now + 2 * DAY)
    client = enter_as("staff")

    page = client.get(of_patient(chart))

    assert page.status_code == 200
    assert [row["visit"].pk for row in page.context["to_come"]] == [soon.pk, cancelled.pk, later.pk]
    assert [row["visit"].pk for row in page.context["earlier"]] == [done.pk, missed.pk]
    assert [row["state"] for row in page.context["to_come"]] == ["confirmed", "cancelled", "Scheduled"]
    text = page.content.decode()
    assert "Visits of Paula Jensen" in text and "1 no-show<" in text and "Neck" in text
    assert f"?view=day&amp;day={done.starts_at.astimezone(done.tzinfo).date()}&amp;doctor={doctor.pk}" in text
    (event,) = whole_trail().filter(user_id=client.user.pk, kind=AuditEvent.APPOINTMENTS_LISTED)
    assert (orjson.loads(event.patients), orjson.loads(event.details)["hits"]) == ([str(chart.pk)], 5)


def test_pages_of_earlier_visits_and_number_of_queries(enter_as, chart, doctor, monkeypatch):
    monkeypatch.setattr("appointments.patient_visits.pages.EARLIER_SHOWN", 2)
    client, now = enter_as("staff"), timezone.now()

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(of_patient(chart)).status_code == 200
        return len(queries)

    for number in range(1, 3):
        visit(chart, doctor, now - number * DAY)
        visit(chart, doctor, now + number * DAY)
    few = cost()
    made = [visit(chart, doctor, now - number * DAY) for number in range(3, 6)]
    assert cost() == few <= 14
    rows = client.get(of_patient(chart), {"page": "3"}).context["earlier"]
    assert [row["visit"].pk for row in rows] == [made[-1].pk]
    assert client.get(of_patient(chart), {"page": "nonsense"}).status_code == 200


def test_whose_visits_are_shown_to_whom(enter_as, client, chart, doctor, other_practice):
    visit(chart, doctor, timezone.now() + DAY, reason="Secret matter")
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    merged = PatientFactory(status="merged", merged_into=chart)
    staff = enter_as("staff")

    assert client.get(of_patient(chart)).url == f"/?next={of_patient(chart)}"
    assert enter_as("patient").get(of_patient(chart)).status_code in (302, 403)
    assert staff.get(of_patient(foreign)).status_code == 404
    assert staff.get(of_patient(merged)).url == of_patient(chart)
    assert "Secret matter" in staff.get(of_patient(chart)).content.decode()
    chart.restricted = True
    chart.save(update_fields={"restricted"})
    closed = staff.get(of_patient(chart))
    assert closed.status_code == 200 and "Secret matter" not in closed.content.decode()


def test_managers_pages_lead_to_the_calendar(enter_as, chart, doctor, subtests):
    booked = visit(chart, doctor, timezone.now() + DAY)
    visit(chart, doctor, timezone.now() - DAY, no_show_at=timezone.now())
    day = f"/calendar/?view=day&amp;day={booked.starts_at.astimezone(booked.tzinfo).date()}&amp;doctor={doctor.pk}"
    of_chart = reverse("admin:patients_patient_change", args=[chart.pk])
    book = f'href="/calendar/?patient={chart.pk}">Book a visit'
    for role in ("admin", "staff"):
        client = enter_as(role)
        for address, expected in [
            (reverse("admin:appointments_appointment_change", args=[booked.pk]), [f'href="{day}">Open in the cal']),
            (reverse("admin:appointments_appointment_changelist"), ['href="/calendar/">Open the calendar']),
            (reverse("admin:patients_patient_changelist"), ['href="/calendar/">Open the calendar']),
            (of_chart, [f'href="{day}"', "1 no-show<", f'href="{of_patient(chart)}">All visits', book]),
        ]:
            with subtests.test(role=role, address=address):
                text = client.get(address).content.decode()
                assert [one for one in expected if one not in text] == []


def test_doctors_today_leads_to_the_notes_that_are_missing(enter_as, make_user, chart):
    client = enter_as("doctor")
    now, doctor = timezone.now(), client.user
    done = visit(chart, doctor, now - DAY, status="completed")
    written = visit(chart, doctor, now - 2 * DAY, status="completed")
    NoteFactory(patient=chart, doctor=doctor, appointment=written)
    visit(chart, doctor, now - 3 * DAY, no_show_at=now)
    visit(chart, doctor, now - 40 * DAY, status="completed")
    visit(chart, make_user("doctor"), now - DAY, status="completed")
    begun = visit(chart, doctor, now - HOUR / 4, started_at=now)
    practice = chart.practice
    visit(chart, make_user("doctor"), practice.day_bounds(practice.today())[0] + 12 * HOUR)

    page = client.get(reverse("admin:index"))

    assert [row.pk for row, *_ in page.context["unwritten"]] == [begun.pk, done.pk]
    text = page.content.decode()
    assert text.count(">Write the note</a>") == 2 and "1 no-show<" in text
    assert f'href="{of_patient(chart)}"' in text and 'href="/calendar/">Open the calendar' in text
    assert "Notes to write" not in enter_as("staff").get(reverse("admin:index")).content.decode()
