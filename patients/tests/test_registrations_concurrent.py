"""Concurrent handling of registrations."""

from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import ChartStatus, Patient
from patients.tests.factories import PatientFactory
from records.models import MedicalRecord

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4  # two desks each
SETTLED = ("registration.confirmed", "registration.merged", "registration.declined")


@pytest.fixture
def desks(transactional_db, as_role, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    return [as_role("admin"), as_role("staff")]


@pytest.fixture
def waiting(practice, make_user):
    with practice_scope(practice.pk):
        return [PatientFactory(status="pending", user=make_user("patient")) for _ in range(ROUNDS)]


@pytest.fixture
def known(practice):
    with practice_scope(practice.pk):
        return [PatientFactory() for _ in range(ROUNDS)]


def settle(desk, chart, how, into=None):
    client = Client()
    client.cookies = desk.cookies
    body, way = ({}, how) if how != "merge" else ({"patientId": str(into.pk)}, "confirm")
    return client.post(f"/api/registrations/{chart.pk}/{way}", body, content_type="application/json").status_code


def charts(practice):
    with practice_scope(practice.pk):
        return {chart.pk: chart for chart in Patient.objects.all()}


@pytest.mark.parametrize(
    "ways", [("confirm", "confirm"), ("confirm", "merge"), ("merge", "decline"), ("merge", "merge"), ("decline",) * 2]
)
def test_concurrent_handling_of_one_registration_succeeds_once(desks, practice, waiting, known, ways):
    def act(number):
        chart, way = waiting[number // 2], ways[number % 2]
        other = known[(number // 2 + number % 2) % ROUNDS]  # two merges go into two charts
        return settle(desks[number % 2], chart, way, other)

    answers = at_once(2 * ROUNDS, act)

    now = charts(practice)
    for number, chart in enumerate(waiting):
        pair = answers[2 * number : 2 * number + 2]
        if ways != ("merge", "merge"):  # two of which may also meet in one chart
            assert sorted(pair) == [200, 409], pair
        won = [ways[place] for place in (0, 1) if pair[place] == 200]
        becomes = {"confirm": ChartStatus.CONFIRMED, "merge": ChartStatus.MERGED, "decline": ChartStatus.DECLINED}
        assert now[chart.pk].status == (becomes[won[0]] if won else ChartStatus.PENDING)
        assert len(won) <= 1
    accounts = [chart.user_id for chart in now.values() if chart.user_id]
    assert sorted(accounts) == sorted(chart.user_id for chart in waiting)  # each still has one chart
    logged = whole_trail().filter(kind__in=SETTLED, outcome="done").count()
    assert logged == answers.count(200)


def test_concurrent_merges_give_a_chart_one_account(desks, practice, waiting, known):
    answers = at_once(ROUNDS, lambda number: settle(desks[number % 2], waiting[number], "merge", known[0]))

    assert Counter(answers) == {200: 1, 409: ROUNDS - 1}
    now = charts(practice)
    assert now[known[0].pk].user_id == waiting[answers.index(200)].user_id
    assert Counter(now[chart.pk].status for chart in waiting) == {"merged": 1, "pending": ROUNDS - 1}


def test_appointment_booked_during_a_merge_moves_with_it(desks, practice, waiting, known, make_user):
    doctors = [make_user("doctor") for _ in range(ROUNDS)]
    soon = (timezone.now() + timedelta(days=3)).isoformat()

    def act(number):
        chart = waiting[number // 2]
        if number % 2:
            return settle(desks[0], chart, "merge", known[number // 2])
        client = Client()
        client.cookies = desks[1].cookies
        body = {"patientId": str(chart.pk), "doctorId": str(doctors[number // 2].pk), "date": soon, "reason": "Pain"}
        return client.post("/api/appointments", body, content_type="application/json").status_code

    answers = at_once(2 * ROUNDS, act)

    assert answers[1::2] == [200] * ROUNDS
    assert set(answers[::2]) <= {201, 404}
    with practice_scope(practice.pk):
        assert Appointment.objects.filter(patient__in=known).count() == answers.count(201)
        assert not Appointment.objects.filter(patient__in=waiting).exists()


def test_record_written_during_a_merge_moves_with_it(desks, practice, waiting, known, as_role):
    doctor = as_role("doctor")

    def act(number):
        chart = waiting[number // 2]
        if number % 2:
            return settle(desks[0], chart, "merge", known[number // 2])
        client = Client()
        client.cookies = doctor.cookies
        body = {"patientId": str(chart.pk), "diagnosis": "Strain", "prescription": "", "notes": ""}
        return client.post("/api/records", body, content_type="application/json").status_code

    answers = at_once(2 * ROUNDS, act)

    assert answers[1::2] == [200] * ROUNDS
    with practice_scope(practice.pk):
        assert MedicalRecord.objects.filter(patient__in=known).count() == answers.count(201)
        assert not MedicalRecord.objects.filter(patient__in=waiting).exists()


def test_appointment_booked_during_a_decline_is_cancelled(desks, practice, waiting, make_user):
    doctors = [make_user("doctor") for _ in range(ROUNDS)]
    soon = (timezone.now() + timedelta(days=3)).isoformat()

    def act(number):
        chart = waiting[number // 2]
        if number % 2:
            return settle(desks[0], chart, "decline")
        client = Client()
        client.cookies = desks[1].cookies
        body = {"patientId": str(chart.pk), "doctorId": str(doctors[number // 2].pk), "date": soon, "reason": "Pain"}
        return client.post("/api/appointments", body, content_type="application/json").status_code

    answers = at_once(2 * ROUNDS, act)

    assert answers[1::2] == [200] * ROUNDS
    with practice_scope(practice.pk):
        assert not Appointment.objects.filter(status="scheduled").exists()


def test_merge_and_changes_of_its_appointments_wait_for_each_other(desks, practice, waiting, known, make_user):
    doctor = make_user("doctor")
    start = timezone.now() + timedelta(days=3)
    with practice_scope(practice.pk):
        booked = [
            AppointmentFactory(
                patient=chart,
                doctor=doctor,
                starts_at=start + timedelta(hours=number),
                ends_at=start + timedelta(hours=number, minutes=30),
            )
            for number, chart in enumerate(waiting)
        ]

    def act(number):
        if number % 2:
            return settle(desks[0], waiting[number // 2], "merge", known[number // 2])
        client = Client()
        client.cookies = desks[1].cookies
        body = {"date": (start + timedelta(hours=20 - number)).isoformat()}
        address = f"/api/appointments/{booked[number // 2].pk}"
        return client.patch(address, body, content_type="application/json").status_code

    answers = at_once(2 * ROUNDS, act)

    assert answers == [200] * (2 * ROUNDS)
    with practice_scope(practice.pk):
        for number, appointment in enumerate(booked):
            stored = Appointment.objects.get(pk=appointment.pk)
            assert stored.patient_id == known[number].pk
            assert stored.starts_at == start + timedelta(hours=20 - 2 * number)
