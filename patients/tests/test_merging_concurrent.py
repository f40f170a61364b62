"""Merges of charts beside each other, and beside what is added to the charts."""

from collections import Counter
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import ChartMerge, Patient
from patients.tests.factories import PatientFactory
from records.tests.factories import MedicalRecordFactory

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4


@pytest.fixture
def desks(transactional_db, as_role, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    return [as_role("admin"), as_role("staff")]


@pytest.fixture
def pairs(practice, make_user):
    doctor = make_user("doctor")
    with practice_scope(practice.pk):
        pairs = [PatientFactory.create_batch(2) for _ in range(ROUNDS)]
        for pair in pairs:
            for chart in pair:
                MedicalRecordFactory(patient=chart, doctor=doctor)
    return pairs


def send(desk, path, body):
    client = Client()
    client.cookies = desk.cookies
    return client.post(path, body, content_type="application/json").status_code


def merge(desk, into, source):
    return send(desk, f"/api/patients/{into.pk}/merge", {"from": str(source.pk)})


def test_two_desks_merge_one_pair_in_both_directions(desks, practice, pairs):
    answers = at_once(2 * ROUNDS, lambda n: merge(desks[n % 2], *pairs[n // 2][:: 1 if n % 2 else -1]))

    assert [sorted(answers[n : n + 2]) for n in range(0, 2 * ROUNDS, 2)] == [[200, 404]] * ROUNDS
    with practice_scope(practice.pk):
        for pair in pairs:
            now = {chart.status: chart for chart in Patient.objects.filter(pk__in=[chart.pk for chart in pair])}
            assert set(now) == {"merged", "confirmed"}
            assert now["merged"].merged_into_id == now["confirmed"].pk
            assert now["confirmed"].records.count() == 2
        assert ChartMerge.objects.count() == ROUNDS
    assert whole_trail().filter(kind="chart.merged", outcome="done").count() == ROUNDS


def test_circle_of_merges_ends_in_one_chart_each(desks, practice, pairs):
    """Each of the charts is merged into the next one, all at once."""
    charts = [chart for pair in pairs for chart in pair]

    answers = at_once(len(charts), lambda n: merge(desks[n % 2], charts[(n + 1) % len(charts)], charts[n]))

    assert set(answers) <= {200, 404}
    with practice_scope(practice.pk):
        left = {chart.pk: chart for chart in Patient.objects.confirmed()}
        merged = Patient.objects.filter(status="merged")
        assert (len(left), merged.count()) == (len(charts) - answers.count(200), answers.count(200))
        assert {chart.merged_into_id for chart in merged} <= set(left)
        assert sum(chart.records.count() for chart in left.values()) == len(charts)


def test_booking_into_a_chart_that_is_merged_away_goes_along_or_is_refused(desks, practice, pairs, make_user):
    doctors = [make_user("doctor") for _ in range(ROUNDS)]
    soon = (timezone.now() + timedelta(days=3)).isoformat()

    def act(number):
        (into, source), doctor = pairs[number // 2], doctors[number // 2]
        if number % 2:
            return merge(desks[0], into, source)
        booking = {"patientId": str(source.pk), "doctorId": str(doctor.pk), "date": soon, "reason": "Pain"}
        return send(desks[1], "/api/appointments", booking)

    answers = at_once(2 * ROUNDS, act)

    assert answers[1::2] == [200] * ROUNDS
    assert set(answers[::2]) <= {201, 404}
    with practice_scope(practice.pk):
        assert Appointment.objects.filter(patient__in=[into for into, _ in pairs]).count() == answers.count(201)
        assert not Appointment.objects.filter(patient__in=[source for _, source in pairs]).exists()


def test_merge_is_undone_once_and_not_beside_another_one(desks, practice, pairs):
    into, source = pairs[0]
    others = [chart for pair in pairs[1:] for chart in pair]
    assert merge(desks[1], into, source) == 200

    def act(number):
        if number < 2:
            return send(desks[0], f"/api/patients/{into.pk}/merge/undo", {"from": str(source.pk)})
        return merge(desks[1], into, others[number])

    answers = at_once(4, act)

    assert answers[2:] == [200, 200]
    undone = Counter(answers[:2])
    assert undone in ({200: 1, 404: 1}, {409: 2})
    with practice_scope(practice.pk):
        assert Patient.objects.get(pk=source.pk).records.count() == undone[200]
        assert Patient.objects.get(pk=into.pk).records.count() == 4 - undone[200]
