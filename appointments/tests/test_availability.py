"""What GET /api/availability and its service do beside the rules that tests/contract/test_schedules.py has."""

from datetime import timedelta
from itertools import pairwise

from django.utils import timezone

from appointments.schedule import availability
from appointments.tests.factories import WorkingHoursFactory

DAY = timedelta(days=1)


def test_too_many_free_times_are_refused_in_words(scope, make_user, as_role, monkeypatch):
    monkeypatch.setattr(availability, "MOST_TIMES", 200)
    doctor, staff = make_user("doctor"), as_role("staff")  # without hours: each quarter of each hour
    asked = {"doctorId": str(doctor.pk), "from": "2031-01-06"}
    assert len(staff.get("/api/availability", {**asked, "to": "2031-01-07"}).json()["slots"]) == 2 * 24 * 4
    refused = staff.get("/api/availability", {**asked, "to": "2031-01-08"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == {"to": [availability.TOO_MANY]}
    found = staff.get("/api/availability/next", {"count": 50}).json()["slots"]
    assert len(found) == 50  # of any doctor: what is not listed is not too much


def test_next_free_times_are_looked_for_in_growing_spans(scope, make_user, monkeypatch):
    asked = []
    monkeypatch.setattr(availability, "find_slots", lambda **query: asked.append(query) or [])
    assert availability.find_next(by=make_user("staff"), count=5) == []
    spans = [(query["end"] - query["start"]) / DAY for query in asked]
    assert spans[:7] == [1, 2, 4, 8, 16, 31, 31]
    assert sum(spans) == availability.FURTHEST / DAY
    assert all(earlier["end"] == later["start"] for earlier, later in pairwise(asked))


def test_next_free_times_are_found_where_they_are_rare(scope, make_user):
    doctor = make_user("doctor")
    day = timezone.localdate(timezone=scope.tzinfo) + timedelta(days=100)
    WorkingHoursFactory(doctor=doctor, weekday=day.weekday(), valid_from=day, valid_to=day)
    found = availability.find_next(by=make_user("staff"), count=3, doctor_id=doctor.pk)
    assert [slot.start.astimezone(scope.tzinfo).strftime("%H:%M") for slot in found] == ["09:00", "09:15", "09:30"]
