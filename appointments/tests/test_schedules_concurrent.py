"""Two managers at once: what both enter is there once, and nobody sees an error of the server."""

from collections import Counter
from datetime import time

import pytest
from django.test import Client

from appointments.models import ScheduleException, WorkingHours
from appointments.schedule.holidays import holidays_of
from appointments.tests.factories import WorkingHoursFactory
from appointments.tests.test_double_booking import at_once
from core.tenancy.scope import practice_scope
from practices.tests.factories import OfficeFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.production]
CALLERS = 12
JSON = "application/json"


@pytest.fixture
def managers(transactional_db, as_role, settings):
    """`managers(n)`: a client of one of two managers, for a thread of its own."""
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    both = [as_role("admin").cookies for _ in range(2)]

    def client(number):
        made = Client(raise_request_exception=False)
        made.cookies = both[number % 2]
        return made

    return client


def test_holidays_that_two_managers_take_are_taken_once(managers, practice):
    def take(number):
        answer = managers(number).post("/api/holidays", {"country": "US", "year": 2031}, JSON)
        return answer.status_code, answer.json()["total"]

    answers = at_once(CALLERS, take)

    days = len(holidays_of("US", 2031))
    assert {status for status, _ in answers} == {201} and sum(made for _, made in answers) == days
    with practice_scope(practice.pk):
        assert ScheduleException.objects.count() == days


def test_hours_that_two_managers_add_are_added_once(managers, practice, make_user):
    """By the clock of either coast, the moments are the same."""
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        west = OfficeFactory(timezone="America/Los_Angeles")
    east_hours = {"doctorId": str(doctor.pk), "weekday": 0, "start": "12:00", "end": "15:00"}
    west_hours = {**east_hours, "officeId": str(west.pk), "start": "09:00", "end": "12:00"}

    def add(number):
        body = west_hours if number % 3 else east_hours
        return managers(number).post("/api/working-hours", body, JSON).status_code

    assert Counter(at_once(CALLERS, add)) == {201: 1, 409: CALLERS - 1}
    with practice_scope(practice.pk):
        assert WorkingHours.objects.count() == 1


def test_hours_that_two_managers_move_to_one_day_do_not_overlap(managers, practice, make_user):
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        rows = [WorkingHoursFactory(doctor=doctor, weekday=day, start=time(9), end=time(12)) for day in range(1, 5)]

    def move(number):
        path = f"/api/working-hours/{rows[number % 4].pk}"
        return managers(number).patch(path, {"weekday": 0}, JSON).status_code

    assert Counter(at_once(CALLERS, move)) == {200: 3, 409: 9}  # three callers want the same
    with practice_scope(practice.pk):
        assert WorkingHours.objects.filter(weekday=0).count() == 1
