"""Emergency access under concurrent requests."""

from collections import Counter

import pytest
from django.test import Client

from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import EmergencyAccess, Patient
from patients.tests.factories import EmergencyAccessFactory, PatientFactory

pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"reason": "Found unconscious"}


def with_cookies_of(signed_in):
    client = Client()
    client.cookies = signed_in.cookies
    return client


def test_concurrent_breaks_by_one_person_give_one_access(transactional_db, practice, as_role):
    doctor = as_role("doctor")
    with practice_scope(practice.pk):
        chart = PatientFactory(restricted=True)

    def break_glass(number):
        address = f"/api/patients/{chart.pk}/emergency-access"
        return with_cookies_of(doctor).post(address, REASON, content_type="application/json").status_code

    assert Counter(at_once(6, break_glass)) == {201: 1, 200: 5}
    with practice_scope(practice.pk):
        assert EmergencyAccess.objects.count() == 1


def test_break_glass_during_lift_has_one_of_two_outcomes(transactional_db, practice, as_role):
    primary, doctor = as_role("doctor"), as_role("doctor")
    with practice_scope(practice.pk):
        charts = [PatientFactory(restricted=True, primary_doctor=primary.user) for _ in range(4)]

    def act(number):
        address = f"/api/patients/{charts[number // 2].pk}"
        if number % 2:
            return with_cookies_of(primary).delete(f"{address}/restriction").status_code
        sent = with_cookies_of(doctor).post(f"{address}/emergency-access", REASON, content_type="application/json")
        return sent.status_code

    answers = at_once(8, act)

    assert answers[1::2] == [204] * 4
    assert set(answers[::2]) <= {201, 409}
    with practice_scope(practice.pk):
        assert EmergencyAccess.objects.count() == answers.count(201)
        assert not Patient.objects.filter(restricted=True).exists()


def test_concurrent_sign_offs_count_once(transactional_db, practice, as_role, make_user):
    admins = [as_role("admin") for _ in range(4)]
    with practice_scope(practice.pk):
        access = EmergencyAccessFactory(patient=PatientFactory(restricted=True), opened_by=make_user("doctor"))

    def sign(number):
        client, address = with_cookies_of(admins[number]), f"/api/emergency-accesses/{access.pk}/review"
        return client.post(address, {"note": f"Note {number}"}, content_type="application/json").status_code

    answers = at_once(4, sign)

    assert Counter(answers) == {200: 1, 409: 3}
    with practice_scope(practice.pk):
        signed = EmergencyAccess.objects.get(pk=access.pk)
    assert (signed.reviewed_by_id, signed.note) == (
        admins[answers.index(200)].user.pk,
        f"Note {answers.index(200)}",
    )
    assert whole_trail().filter(kind="emergency.reviewed", outcome="done").count() == 1
