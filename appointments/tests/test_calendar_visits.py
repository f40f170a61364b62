"""The calendar's panel of a visit: who it is, and what is changed there."""

from datetime import UTC, date, datetime
from uuid import uuid4

from django.urls import reverse

from appointments.tests.calendar_day import NINE, PART, change, events, slot, visits
from core.tenancy.scope import practice_scope
from patients.models import Patient


def test_visit_shows_who_it_is_unless_the_chart_is_restricted(enter_as, day):
    client = enter_as("staff")
    with practice_scope(day.practice.pk):
        day.chart.allergies, day.chart.date_of_birth = "Penicillin", date(1984, 5, 17)
        day.chart.save()
    page = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    for said in (
        "Paula Jensen",
        "Allergies:</b> Penicillin",
        "May 17, 1984",
        "(212) 555-0114",
        "Back pain",
        "Follow-up",
    ):
        assert said in page
    assert [one.about_id for one in events(day.practice, kind="appointment.read")] == [day.visit.pk]
    with practice_scope(day.practice.pk):
        Patient.objects.filter(pk=day.chart.pk).update(restricted=True)
    page = client.get(reverse("calendar_visit", args=[day.visit.pk]), **PART).content.decode()
    assert "This chart is restricted." in page
    assert not any(said in page for said in ("Penicillin", "May 17, 1984", "555-0114", "Back pain"))


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
