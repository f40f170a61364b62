"""Requests of two practices take turns on the one connection of a pool, refused, failing and dying ones among them: no
answer has a row of the other practice."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import MedicalRecordFactory
from tests.sampling import SEED, examples

pytestmark = [pytest.mark.postgresql, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
REQUESTS, THREADS = examples(10_000, 200), 4
NUMBERS = count()
EVERY_CHART = "SELECT practice_id FROM patients_patient WHERE created_at < now() + %s * interval '1 day'"


class Clinic:
    """A practice whose charts are all named after it; the front desk and a doctor are signed in."""

    def __init__(self, practice, make_user, client_of):
        self.practice, self.name = practice, f"Chartof{practice.name.split()[0]}"
        doctor, desk = (make_user(role, practice=practice) for role in ("doctor", "staff"))
        self.doctor = doctor
        self.cookies = {"doctor": client_of(doctor).cookies, "desk": client_of(desk).cookies}
        with practice_scope(practice.pk):
            self.chart = PatientFactory(name=self.name)
            self.appointment = AppointmentFactory(patient=self.chart, doctor=doctor)
            MedicalRecordFactory(patient=self.chart, doctor=doctor)

    def get(self, path, *, by="desk"):
        return self._client(by).get(path)

    def post(self, path, body):
        return self._client("desk").post(path, body, "application/json")

    def _client(self, by):
        client = Client()
        client.cookies = self.cookies[by]
        return client

    def booking(self, chart):
        return {
            "patientId": str(chart.pk),
            "doctorId": str(self.doctor.pk),
            "date": self.appointment.starts_at.isoformat(),
            "reason": "Pain",
        }


def charts_seen():
    with connection.cursor() as cursor:
        cursor.execute(EVERY_CHART, [1])
        return {found for (found,) in cursor.fetchall()}


def read_lists(own, other):
    for path in ("/api/patients", "/api/appointments", "/api/records"):
        answer = own.get(path, by="doctor")
        assert own.name in answer.text and other.name not in answer.text


def read_charts(own, other):
    assert own.get(f"/api/patients/{own.chart.pk}").json()["name"] == own.name
    assert own.get(f"/api/patients/{other.chart.pk}").status_code == 404


def write(own, other):
    number = next(NUMBERS)  # or each would be shown the others as possible duplicates
    fields = {"gender": "female", "address": "1 Main Street", "dateOfBirth": f"{1950 + number % 50}-12-10"}
    fields |= {"name": own.name, "email": f"ada{number}@example.com", "phone": f"+1212555{number:04}"}
    answer = own.post("/api/patients", fields)
    assert answer.status_code == 201
    assert other.name not in answer.text


def be_refused(own, other):
    assert own.post("/api/appointments", own.booking(own.chart)).status_code == 409
    assert own.post("/api/appointments", own.booking(other.chart)).status_code == 404


def ask_in_sql(own, other):
    with practice_scope(own.practice.pk):
        assert charts_seen() == {own.practice.pk}
    assert charts_seen() == set()


def fail(own, other):
    with practice_scope(own.practice.pk), transaction.atomic():
        with pytest.raises(DatabaseError), practice_scope(other.practice.pk), transaction.atomic():
            assert charts_seen() == {other.practice.pk}
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / %s", [0])
        assert charts_seen() == {own.practice.pk}


def die(own, other):
    """Give the connection back in the middle of a transaction, as when a worker's thread is ended."""
    transaction.atomic().__enter__()
    with practice_scope(own.practice.pk):
        assert charts_seen() == {own.practice.pk}
    connection.connection._pool.putconn(connection.connection)
    connection.connection = None
    connection.in_atomic_block = False


KINDS = {read_lists: 8, read_charts: 8, write: 2, be_refused: 3, ask_in_sql: 4, fail: 2, die: 1}


@pytest.fixture
def one_connection(transactional_db, monkeypatch, settings):
    settings.RATE_LIMIT_PER_MINUTE = 1_000_000
    settings.ACCESS_TOKEN_EXPIRE_MINUTES = 120
    connection.close()
    connection.close_pool()
    options = connection.settings_dict["OPTIONS"]
    with monkeypatch.context() as patch:  # undone before the pool is made again to empty the tables
        patch.setitem(options, "pool", {"min_size": 1, "max_size": 1, "timeout": 30})
        yield
        connection.close()
        connection.close_pool()


def test_practices_on_one_connection_see_no_row_of_each_other(
    one_connection, practice, other_practice, make_user, client_of
):
    clinics = [Clinic(one, make_user, client_of) for one in (practice, other_practice)]
    connection.close()

    def serve(number):
        order = random.Random(f"{SEED} {number}")
        (kind,) = order.choices(list(KINDS), KINDS.values())
        try:
            kind(*order.sample(clinics, 2))
        finally:
            connection.close()
        return kind

    with ThreadPoolExecutor(THREADS) as threads:
        served = Counter(threads.map(serve, range(REQUESTS)))
    assert served.keys() == KINDS.keys()
    assert charts_seen() == set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(generic_plans) FROM pg_prepared_statements")
        assert cursor.fetchone()[0] > REQUESTS
