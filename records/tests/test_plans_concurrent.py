"""Several doctors change one plan at the same time: nothing accepted is lost."""

from collections import Counter

import pytest
from django.test import Client

from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_double_booking import at_once
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import GoalProgress, PlannedAppointment

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"
CALLERS = 8


@pytest.fixture
def doctor(transactional_db, as_role, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    return as_role("doctor")


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory()


def made(doctor, chart):
    body = {"patientId": str(chart.pk), "title": "Plan", "startsOn": "2026-11-02", "goals": [{"text": "Lift"}]}
    return doctor.post("/api/plans", body, JSON).json()


def by(doctor):
    """Return a new client for a thread."""
    client = Client()
    client.cookies = doctor.cookies
    return client


def test_concurrent_plan_amendments_keep_one(doctor, chart):
    plan = made(doctor, chart)

    def amend(number):
        body = {"reason": "Review", "version": 1, "title": f"Title {number}"}
        return by(doctor).post(f"/api/plans/{plan['id']}/amendments", body, JSON).status_code

    answers = at_once(CALLERS, amend)

    assert Counter(answers) == {200: 1, 409: CALLERS - 1}
    now = doctor.get(f"/api/plans/{plan['id']}").json()
    assert (now["version"], now["title"]) == (2, f"Title {answers.index(200)}")
    assert doctor.get(f"/api/plans/{plan['id']}/versions").json()["total"] == 2


def test_concurrent_progress_is_all_kept(doctor, chart, practice):
    plan = made(doctor, chart)
    address = f"/api/plans/{plan['id']}/goals/{plan['goals'][0]['id']}/progress"

    def note(number):
        return by(doctor).post(address, {"text": f"{number} kg"}, JSON).status_code

    assert Counter(at_once(CALLERS, note)) == {201: CALLERS}
    with practice_scope(practice.pk):
        assert GoalProgress.objects.count() == CALLERS


def test_amendment_never_overwrites_unseen_status(doctor, chart):
    plan = made(doctor, chart)
    goal = plan["goals"][0]["id"]

    def act(number):
        if number % 2:
            address, body = f"goals/{goal}/progress", {"text": "10 kg", "status": "met"}
        else:
            body = {"reason": "Review", "version": 1, "goals": [{"id": goal, "status": "open", "text": f"{number} kg"}]}
            address = "amendments"
        return by(doctor).post(f"/api/plans/{plan['id']}/{address}", body, JSON).status_code

    answers = at_once(CALLERS, act)

    assert answers[1::2] == [201] * (CALLERS // 2)
    assert answers.count(200) <= 1
    assert doctor.get(f"/api/plans/{plan['id']}").json()["goals"][0]["status"] == "met"


def test_concurrent_plans_share_no_appointment(doctor, chart, practice):
    plans = [made(doctor, chart) for _ in range(CALLERS)]
    with practice_scope(practice.pk):
        visit = AppointmentFactory(patient=chart, doctor=doctor.user)

    def link(number):
        return by(doctor).put(f"/api/plans/{plans[number]['id']}/appointments/{visit.pk}").status_code

    assert Counter(at_once(CALLERS, link)) == {200: 1, 409: CALLERS - 1}
    with practice_scope(practice.pk):
        assert PlannedAppointment.objects.count() == 1
