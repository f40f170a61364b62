"""Join codes where it is tight: many at once, guesses, a counter that is down, keys that change."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.join_codes import services as join_codes
from accounts.models import JoinCode, User
from accounts.tests.factories import JoinCodeFactory
from appointments.models import Appointment
from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.cache import redis_client
from core.tenancy.scope import installation_scope, practice_scope
from patients.models import ChartStatus, Patient
from patients.tests.factories import PatientFactory
from practices.models import Office
from practices.tests.factories import OfficeFactory

pytestmark = pytest.mark.django_db
CODE = "ABCD2345"
JSON = "application/json"


@pytest.fixture
def clinic(practice, make_user):
    """A doctor, their office, and a code for both; `code(**fields)` makes another row of it."""
    with practice_scope(practice.pk):
        doctor, office = make_user("doctor"), OfficeFactory(name="Midtown")

    def code(**fields):
        with practice_scope(practice.pk):
            return JoinCodeFactory(doctor=doctor, office=office, **{"text": CODE, **fields})

    code.doctor, code.office = doctor, office
    return code


@pytest.fixture
def newcomers(practice, as_role):
    """`newcomers(3)`: signed-in patients whose charts wait."""

    def register(number):
        clients = [as_role("patient") for _ in range(number)]
        with practice_scope(practice.pk):
            for client in clients:
                PatientFactory(user=client.user, status=ChartStatus.PENDING)
        return clients

    return register


def associate(client, code=CODE):
    mine = Client()
    mine.cookies = client.cookies
    return mine.post("/auth/associate", {"join_code": code}, content_type=JSON)


def reread(practice, row):
    with practice_scope(practice.pk):
        return type(row).objects.get(pk=row.pk)


# --- Many at once


@pytest.fixture
def many(settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = settings.JOIN_CODE_TRIES_PER_HOUR = 10_000
    return 50 if connection.vendor == "postgresql" else 16


@pytest.mark.slow  # threads
@pytest.mark.django_db(transaction=True)
def test_parallel_patients_do_not_exceed_max_uses(transactional_db, practice, clinic, newcomers, many):
    code, patients = clinic(most_uses=1), newcomers(many)

    answers = at_once(many, lambda number: associate(patients[number]).status_code)

    assert Counter(answers) == {200: 1, 400: many - 1}
    assert reread(practice, code).uses == 1
    with practice_scope(practice.pk):
        assert Patient.objects.filter(primary_doctor=clinic.doctor).count() == 1
        assert User.objects.filter(office=clinic.office).count() == 1
    assert whole_trail().filter(kind="join_code.used").count() == 1
    assert whole_trail().filter(kind="join_code.refused").count() == many - 1


@pytest.mark.slow  # threads
@pytest.mark.django_db(transaction=True)
def test_parallel_uses_are_all_counted(transactional_db, practice, clinic, newcomers, many):
    code, patients = clinic(), newcomers(many)

    assert set(at_once(many, lambda number: associate(patients[number]).status_code)) == {200}

    assert reread(practice, code).uses == many


@pytest.mark.django_db(transaction=True)
def test_one_patient_at_many_devices_uses_it_once(transactional_db, practice, clinic, newcomers, many):
    code, [patient] = clinic(most_uses=3), newcomers(1)

    assert set(at_once(8, lambda number: associate(patient).status_code)) == {200}

    assert reread(practice, code).uses == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_registrations_do_not_exceed_max_uses(transactional_db, practice, clinic, many):
    code = clinic(most_uses=2)

    def register(number):
        body = {"name": "Grace", "email": f"grace{number}@example.com", "password": "Passw0rd!", "role": "patient"}
        return Client().post("/api/auth/register", {**body, "joinCode": CODE}, content_type=JSON).status_code

    assert Counter(at_once(8, register)) == {201: 2, 400: 6}
    assert reread(practice, code).uses == 2
    with practice_scope(practice.pk):
        assert Patient.objects.count() == User.objects.filter(role="patient").count() == 2


@pytest.mark.django_db(transaction=True)
def test_parallel_attempts_are_limited_to_ten_an_hour(transactional_db, clinic, newcomers, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    clinic()
    [patient] = newcomers(1)

    answers = Counter(at_once(16, lambda number: associate(patient, f"GUESS{number:03}").status_code))

    assert answers == {400: 10, 429: 6}


@pytest.mark.django_db(transaction=True)
def test_office_removal_during_booking_is_consistent(transactional_db, practice, clinic, as_role):
    with practice_scope(practice.pk):
        offices, chart = [OfficeFactory() for _ in range(4)], PatientFactory()
    admin, desk = as_role("admin"), as_role("staff")

    def act(number):
        mine, office = Client(), offices[number // 2]
        if number % 2:
            mine.cookies = admin.cookies
            return mine.delete(f"/api/offices/{office.pk}").status_code
        mine.cookies = desk.cookies
        named = {"patientId": str(chart.pk), "doctorId": str(clinic.doctor.pk), "officeId": str(office.pk)}
        body = {**named, "date": f"2031-01-06T{10 + number}:00:00Z", "reason": "Pain"}
        return mine.post("/api/appointments", body, content_type=JSON).status_code

    answers = at_once(8, act)

    stories = set(zip(answers[::2], answers[1::2], strict=True))
    assert stories <= {(201, 409), (404, 204)}
    with practice_scope(practice.pk):
        booked = set(Appointment.objects.values_list("office_id", flat=True))
        assert booked == {office.pk for office in offices if Office.objects.filter(pk=office.pk).exists()}


@pytest.mark.django_db(transaction=True)
def test_office_removal_during_account_change_is_consistent(transactional_db, practice, make_user, as_role):
    with practice_scope(practice.pk):
        offices, people = [OfficeFactory() for _ in range(12)], [make_user("staff") for _ in range(4)]
    admin = as_role("admin")

    def act(number):
        mine, office, step = Client(), offices[number // 2], number // 2
        mine.cookies = admin.cookies
        if number % 2:
            return mine.delete(f"/api/offices/{office.pk}").status_code
        if step % 3 == 0:
            body = {"officeId": str(office.pk)}
            return mine.patch(f"/api/users/{people[step // 3].pk}", body, content_type=JSON).status_code
        body = {"name": "Grace", "email": f"grace{step}@example.com", "password": "Passw0rd!", "role": "staff"}
        body["officeId"] = str(office.pk)
        return mine.post("/api/auth/register", body, content_type=JSON).status_code

    answers = at_once(24, act)

    stories = set(zip(answers[::2], answers[1::2], strict=True))
    assert stories <= {(200, 409), (201, 409), (404, 204)}


# --- What is good and what is not


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired"),
        ({"most_uses": 2, "uses": 2}, "used_up"),
        ({"withdrawn_at": timezone.now()}, "withdrawn"),
        ({"text": "ZZZZ2345"}, "unknown"),
    ],
)
def test_refusal_reason_is_only_in_audit_log(practice, clinic, newcomers, fields, reason):
    clinic(**fields)
    [patient] = newcomers(1)

    assert associate(patient).status_code == 400

    event = whole_trail().get(kind="join_code.refused")
    assert event.details == f'{{"reason":"{reason}"}}'
    assert (event.practice_id, event.user_id, event.outcome) == (practice.pk, patient.user.pk, "refused")
    assert str(patient.user.chart.pk) in event.patients


def test_code_expires_also_for_earlier_users(practice, clinic, newcomers):
    code, [patient] = clinic(expires_at=timezone.now() + timedelta(hours=1)), newcomers(1)
    assert associate(patient).status_code == 200

    with practice_scope(practice.pk):
        JoinCode.objects.filter(pk=code.pk).update(expires_at=timezone.now())

    assert associate(patient).status_code == 400


def test_refused_code_of_newcomer_is_logged_in_codes_practice(practice, clinic, anonymous):
    code = clinic(withdrawn_at=timezone.now())
    body = {"name": "Grace", "email": "grace@example.com", "password": "Passw0rd!", "role": "patient"}

    for typed in (CODE, "NOSUCH22"):
        assert anonymous.post("/api/auth/register", {**body, "joinCode": typed}, content_type=JSON).status_code == 400

    known, unknown = whole_trail().filter(kind="join_code.refused").order_by("id")
    assert (known.practice_id, known.about_id, known.details) == (practice.pk, code.pk, '{"reason":"withdrawn"}')
    assert (unknown.practice_id.int, unknown.about_id, unknown.details) == (0, None, '{"reason":"unknown"}')


def test_join_code_collision_draws_another_code(practice, other_practice, clinic, make_user, monkeypatch):
    clinic()
    drawn = iter([CODE, CODE, "NEWC2345"])
    monkeypatch.setattr(join_codes, "new_join_code", lambda: next(drawn))
    doctor = make_user("doctor", practice=other_practice)
    with practice_scope(other_practice.pk):
        _, text = join_codes.create(by=doctor, office_id=OfficeFactory().pk)

    assert text == "NEWC2345"
    with installation_scope():
        assert JoinCode.all_practices.count() == 2


def test_fingerprint_depends_on_index_key(clinic, newcomers, settings):
    clinic()
    [patient] = newcomers(1)
    settings.SEARCH_INDEX_KEY = settings.SEARCH_INDEX_KEY[::-1]

    assert associate(patient).status_code == 400


@pytest.mark.redis  # elsewhere they are counted in this process, which is there
def test_uncountable_join_code_attempt_is_refused(clinic, newcomers, monkeypatch, anonymous):
    clinic()
    [patient] = newcomers(1)
    monkeypatch.setattr(redis_client, "_down_until", float("inf"))

    body = {"name": "Grace", "email": "grace@example.com", "password": "Passw0rd!", "role": "patient"}
    assert associate(patient).status_code == 503
    assert anonymous.post("/api/auth/register", {**body, "joinCode": CODE}, content_type=JSON).status_code == 503


def test_association_updates_cached_session_at_once(clinic, newcomers, django_capture_on_commit_callbacks):
    clinic()
    [patient] = newcomers(1)
    assert "officeId" not in patient.get("/api/users/me").json()

    with django_capture_on_commit_callbacks(execute=True):
        assert associate(patient).status_code == 200

    assert patient.get("/api/users/me").json()["officeId"] == str(clinic.office.pk)
