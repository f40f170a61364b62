"""A doctor's day: today's visits with what must not be overlooked, and what is still to be done."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.models import Practice
from records.models import PlanOfCare
from records.my_day.owed import MOST
from records.tests.factories import FinalisedNoteFactory, GoalFactory, NoteFactory, PlanFactory
from records.tests.test_chart_pages import events, text_of

MY_DAY = "/my-day/"


def _where_it_is_one_o_clock():
    """Return the time zone in which noon is over and the day is not, whenever the test runs."""
    return f"Etc/GMT{datetime.now(UTC).hour - 13:+d}"  # whose sign is the other way round


@pytest.fixture
def today(practice, make_user):
    """A doctor with a visit that is about to begin, one of a restricted chart, and another doctor's."""
    Practice.objects.filter(pk=practice.pk).update(timezone=_where_it_is_one_o_clock())
    practice = Practice.objects.get(pk=practice.pk)
    doctor, other = make_user("doctor", name="Dr. Daniel Reyes"), make_user("doctor", name="Dr. Mei Chen")
    noon = timezone.now().astimezone(practice.tzinfo).replace(hour=12, minute=0, second=0, microsecond=0)

    def visit(chart, doctor, reason, *, at=noon, **fields):
        return AppointmentFactory(
            patient=chart, doctor=doctor, reason=reason, starts_at=at, ends_at=at + timedelta(minutes=20), **fields
        )

    with practice_scope(practice.pk):
        paula = PatientFactory(name="Paula Jensen", allergies="Penicillin")
        closed = PatientFactory(name="Karl Closed", allergies="Latex", restricted=True)
        found = SimpleNamespace(practice=practice, doctor=doctor, chart=paula, closed=closed, make=visit, noon=noon)
        found.visit = visit(paula, doctor, "Sciatica again")
        visit(closed, doctor, "Something secret", at=noon + timedelta(minutes=30))
        visit(PatientFactory(name="Olga Other"), other, "Not mine")
        visit(paula, doctor, "Given up", at=noon + timedelta(minutes=60), status="cancelled")
        visit(paula, doctor, "Yesterday's", at=noon - timedelta(days=1))
    found.client = Client()
    found.client.force_login(doctor)
    return found


def act_on(today, visit, action):
    with practice_scope(today.practice.pk):
        version = Appointment.objects.get(pk=visit.pk).version
    return today.client.post(reverse("my-day-act", args=[visit.pk]), {"action": action, "version": version})


def test_my_day_shows_todays_visits_and_their_alerts(today, enter_as, subtests):
    with practice_scope(today.practice.pk):
        Appointment.objects.filter(pk=today.visit.pk).update(arrived_at=today.noon)
    page = today.client.get(MY_DAY)
    said = text_of(page)
    for words in ("12:00 PM", "here since 12:00 PM", "Paula Jensen", "Sciatica again", "Allergies: Penicillin"):
        assert words in said, words
    assert "Karl Closed Restricted chart" in said
    for words in ("Latex", "Something secret", "Olga", "Given up", "Yesterday's", str(today.chart.pk)):
        assert words not in said, words
    (read,) = events(today.practice, kind="appointment.listed", user_id=today.doctor.pk)
    assert str(today.chart.pk) in str(read.patients) and str(today.closed.pk) in str(read.patients)
    for role in ("admin", "staff", "billing", "patient"):
        with subtests.test(role=role):
            assert enter_as(role).get(MY_DAY).status_code == 403
    assert Client().get(MY_DAY).url == "/?next=/my-day/"


def test_visit_is_started_and_leads_to_a_new_note(today):
    started = act_on(today, today.visit, "start")
    try:
        assert started.url.startswith(reverse("note-new", args=[today.chart.pk]))
    except NoReverseMatch:
        assert started.url == reverse("chart", args=[today.chart.pk])
    assert "in progress" in text_of(today.client.get(MY_DAY))
    assert act_on(today, today.visit, "finish").url == f"{MY_DAY}#next"
    next_visit = reverse("chart", args=[today.closed.pk])
    assert f'<a href="{next_visit}" id="next"' in today.client.get(MY_DAY).content.decode()
    with practice_scope(today.practice.pk):
        visit = Appointment.objects.get(pk=today.visit.pk)
    assert visit.status == "completed" and visit.started_at and visit.finished_at
    assert "Visits without a note 1" in text_of(today.client.get(MY_DAY))
    with practice_scope(today.practice.pk):
        cancelled = Appointment.objects.get(status="cancelled")
    refused = text_of(act_on(today, cancelled, "start"))
    assert "This appointment is cancelled" in refused and "Today's visits 2" in refused
    assert (
        today.client.post(reverse("my-day-act", args=[visit.pk]), {"action": "cancel", "version": 1}).status_code == 400
    )
    assert today.client.get(reverse("my-day-act", args=[visit.pk])).url == MY_DAY


def test_visit_of_another_practice_is_not_started(today, other_practice, make_user):
    stranger = Client()
    stranger.force_login(make_user("doctor", practice=other_practice))
    asked = {"action": "start", "version": 1}
    answer = stranger.post(reverse("my-day-act", args=[today.visit.pk]), asked)
    assert "Appointment not found." in text_of(answer)
    assert "Jensen" not in text_of(answer)
    assert events(today.practice, outcome="refused") == []
    with practice_scope(today.practice.pk):
        assert Appointment.objects.get(pk=today.visit.pk).started_at is None


def test_what_is_owed_has_its_day_and_goes_when_it_is_done(today):
    ago = timezone.now() - timedelta(days=40)
    day = ago.astimezone(today.practice.tzinfo).date()
    with practice_scope(today.practice.pk):
        whose = {"patient": today.chart, "doctor": today.doctor}
        draft = NoteFactory(**whose, date=ago)
        done = today.make(today.chart, today.doctor, "Long done", at=ago, status="completed")
        ended = PlanFactory(**whose, starts_on=day - timedelta(days=30), target_end_on=day)
        late = PlanFactory(**whose, starts_on=day, target_end_on=None)
        GoalFactory(plan=late, due_on=day + timedelta(days=1))
        GoalFactory(plan=PlanFactory(**whose, starts_on=day), due_on=today.practice.today() + timedelta(days=1))
    said = text_of(today.client.get(MY_DAY))
    for words in ("Drafts to finish 1", "Visits without a note 1", "Plans to review 2", "1 unsigned note"):
        assert words in said, words
    page = today.client.get(MY_DAY).content.decode()
    links = re.findall(r'href="([^"]+)" data-stop', page[page.index("owed-title") :])
    assert len(links) == 4 and str(draft.pk) in links[0]
    assert [str(plan.pk) in link for plan, link in zip((ended, late), links[2:], strict=True)] == [True, True]
    with practice_scope(today.practice.pk):
        FinalisedNoteFactory(**whose, appointment=done)
        draft.delete()
        for plan in (ended, late):
            plan.status = "completed"
            plan.save()
    assert "Nothing. All notes are written, and all files are looked at." in text_of(today.client.get(MY_DAY))


def test_only_what_is_shown_of_what_is_owed_is_read(today):
    with CaptureQueriesContext(connection) as ran:
        today.client.get(MY_DAY)
    (plans,) = [query["sql"] for query in ran if f'FROM "{PlanOfCare._meta.db_table}"' in query["sql"]]
    assert f"LIMIT {MOST + 1}" in plans


def test_number_of_queries_does_not_grow_with_the_day(today):
    def queries():
        today.client.get(MY_DAY)
        with CaptureQueriesContext(connection) as captured:
            assert today.client.get(MY_DAY).status_code == 200
        return len(captured)

    def fill(places):
        with practice_scope(today.practice.pk):
            for place in places:
                at = today.noon + timedelta(minutes=90 + 20 * place)
                chart = PatientFactory(name=f"Patient {at.minute}")
                today.make(chart, today.doctor, "Check", at=at)
                NoteFactory(patient=chart, doctor=today.doctor)
                at -= timedelta(days=3)
                today.make(chart, today.doctor, "Check", at=at, status="completed")
                PlanFactory(patient=chart, doctor=today.doctor, target_end_on=at.date(), starts_on=at.date())

    fill(range(1))
    few = queries()
    fill(range(1, 4))
    assert queries() == few <= 22
