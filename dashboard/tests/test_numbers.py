"""The numbers: counted by the practice's weeks, drawn, and each leading to its rows."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory, ScheduleExceptionFactory, WorkingHoursFactory
from core.drawing import draw
from core.forms import DaysForm
from core.tenancy.scope import practice_scope
from dashboard.numbers.figures import weeks_of
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import SessionNote
from records.tests.factories import FinalisedNoteFactory, NoteFactory

MONDAY = date(2027, 3, 8)  # clocks go forward in New York on the 14th
RANGE = {"first": "2027-03-08", "last": "2027-03-21"}


@pytest.fixture
def counted(practice, make_user):
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen")

        def visit(*moment, **fields):
            start = datetime(*moment, tzinfo=practice.tzinfo).astimezone(UTC)
            return AppointmentFactory(
                patient=chart, doctor=doctor, starts_at=start, ends_at=start + timedelta(minutes=30), **fields
            )

        WorkingHoursFactory(doctor=doctor, weekday=0, start=time(9), end=time(12))
        WorkingHoursFactory(doctor=doctor, weekday=6, start=time(1), end=time(4))  # in which an hour is skipped
        off = datetime(2027, 3, 15, 9, tzinfo=practice.tzinfo)
        ScheduleExceptionFactory(doctor=doctor, starts_at=off, ends_at=off + timedelta(hours=1))
        first = visit(2027, 3, 8, 0, 0, status="completed")
        last = visit(2027, 3, 14, 23, 30, status="completed")  # Monday already in UTC
        FinalisedNoteFactory(patient=chart, doctor=doctor, appointment=first)
        NoteFactory(patient=chart, doctor=doctor, appointment=last)
        visit(2027, 3, 9, 10, 0, status="cancelled")
        visit(2027, 3, 15, 0, 0)
        visit(2027, 3, 16, 10, 0, no_show_at=datetime(2027, 3, 16, 20, tzinfo=UTC))
        visit(2027, 3, 22, 0, 0)
        opened = datetime(2027, 3, 15, 3, 59, tzinfo=UTC)  # Sunday evening there
        Patient.objects.update(created_at=opened, updated_at=opened)
    return last


def test_weeks_are_the_practices(practice, counted):
    with practice_scope(practice.pk):
        one, two = weeks_of(practice, MONDAY + timedelta(days=2), date(2027, 3, 21))
    assert one[:7] == (MONDAY, 2, 0, 1, 0, 1, 1)
    assert two[:7] == (MONDAY + timedelta(days=7), 0, 1, 0, 1, 0, 0)
    assert (one.minutes, two.minutes) == (180 + 120, 120 + 180)
    assert (one.booked, two.booked, two.no_show_rate) == (60, 60, 100.0)


@pytest.mark.parametrize("change", ["visit", "chart", "note"])
def test_weeks_are_counted_again_after_a_change(practice, counted, change, django_capture_on_commit_callbacks):
    def both_weeks():
        return weeks_of(practice, MONDAY, date(2027, 3, 21))

    with practice_scope(practice.pk):
        before = both_weeks()
        with django_capture_on_commit_callbacks(execute=True):
            if change == "visit":
                Appointment.objects.filter(pk=counted.pk).update(status="cancelled")
            elif change == "chart":
                Patient.objects.update(status="declined")
            else:
                SessionNote.objects.all().delete()
        after = both_weeks()
    names = {"visit": {"completed", "cancelled", "owed", "booked"}, "chart": {"new_patients"}, "note": {"owed"}}
    assert {name for name in after[0]._fields if getattr(before[0], name) != getattr(after[0], name)} == names[change]


def test_figures_lead_to_their_rows(enter_as, counted, practice, subtests):
    client = enter_as("admin")
    page = client.get(reverse("numbers"), RANGE)
    text = page.content.decode()
    assert text.count("<svg") == 5 and "style=" not in text
    for row in [*page.context["rows"], page.context["whole"]]:
        for heading, cell in list(zip(page.context["headings"], row, strict=True))[1:]:
            if "%" in cell.value or not cell.value:
                continue
            with subtests.test(week=row[0].value, heading=str(heading)):
                listed = client.get(cell.address)
                assert listed.status_code == 200
                cl = listed.context.get("cl")
                assert (cl.result_count if cl else len(listed.context["rows"])) == int(cell.value)
    owed = client.get(reverse("numbers-owed"), RANGE).content.decode()
    assert "Paula Jensen" in owed and "Mar 14, 2027" in re.sub(r"\s+", " ", owed).replace("March", "Mar")
    file = b"".join(client.get(reverse("numbers-file"), RANGE).streaming_content).decode()
    assert file.splitlines()[1] == "03/08/2027,3,2,0,1,0,0 %,1,1,20 %"


def test_form_shows_its_days_and_its_mistakes(enter_as, practice):
    client = enter_as("admin")
    shown = client.get(reverse("numbers")).content.decode()
    today = practice.today()
    first = today - timedelta(days=today.weekday(), weeks=11)
    assert f'value="{first}"' in shown and f'value="{today}"' in shown
    with translation.override("de"):  # a date field takes this form of a day alone
        assert 'value="2027-03-08"' in str(DaysForm(initial={"first": MONDAY})["first"])
    assert f">{first:%b} {first.day}</text>" in shown
    mistake = client.get(reverse("numbers"), {"first": "x"}).content.decode()
    assert 'class="mistake" id="id_first_error"' in mistake


def test_range_roles_and_cost(enter_as, practice, counted, django_capture_on_commit_callbacks):
    client = enter_as("admin")
    for query in ({}, {"first": "2027-03-08"}, {"first": "2027-03-08", "last": "2027-01-01"}, {"first": "x"}):
        assert client.get(reverse("numbers"), query).status_code == 200
    assert len(client.get(reverse("numbers"), {"first": "2001-01-01", "last": "2090-01-01"}).context["rows"]) == 104
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("numbers"), RANGE)
    with practice_scope(practice.pk), django_capture_on_commit_callbacks(execute=True):
        for at in range(3):
            start = datetime(2027, 3, 10, 10 + at, tzinfo=UTC)
            AppointmentFactory(
                patient=counted.patient, doctor=counted.doctor, starts_at=start, ends_at=start + timedelta(minutes=9)
            )
        assert Appointment.objects.count() == 9
    with CaptureQueriesContext(connection) as more:
        client.get(reverse("numbers"), RANGE)
    assert len(more) <= len(few)  # the charts are as many as before
    for role in ("doctor", "staff", "billing"):
        assert enter_as(role).get(reverse("numbers")).status_code == 403


def test_bars_are_within_the_picture():
    drawing = draw("x", ["a", "b"], [[1.0, 2.0], [0.0, 7.0]], [("b1", "one"), ("b2", "two")], summary="s")
    assert [bar.title for bar in drawing.bars] == ["a, one: 1", "a, two: 2", "b, two: 7"]
    assert all(float(bar.y) >= 0 and float(bar.x) + float(bar.width) <= drawing.width for bar in drawing.bars)
    assert draw("x", [], [], [("b1", "one")], summary="").bars == []
