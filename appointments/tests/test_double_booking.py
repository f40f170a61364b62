"""A slot is booked only once under concurrent requests: real threads, each with its own connection."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from accounts.tests.factories import UserFactory
from appointments.models import Appointment, AppointmentType
from appointments.schedule import availability
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, RoomFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from tests.sampling import examples

START = datetime(2031, 3, 3, 15, 0, tzinfo=UTC)


@pytest.fixture
def many_callers(settings, monkeypatch):
    """The number of concurrent callers: 200 on PostgreSQL (a sample: 60), 16 on SQLite. A server has no more threads
    than connections; these share a pool of its size, and wait until their turn comes."""
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    monkeypatch.setattr("core.tenancy.postgresql.base.WAIT_SECONDS", 240)
    return examples(200, 60) if connection.vendor == "postgresql" else 16


def at_once(callers, call):
    """Return what `call(n)` returns in each of this many threads, started together."""
    barrier = Barrier(callers)

    def run(number):
        barrier.wait(timeout=300)
        try:
            return call(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(run, range(callers)))


@pytest.fixture
def clinic(transactional_db, practice, make_user):
    with practice_scope(practice.pk):
        return make_user("doctor"), PatientFactory()


def booking(doctor, patient, start):
    return {"patientId": str(patient.pk), "doctorId": str(doctor.pk), "date": start.isoformat(), "reason": "Pain"}


@pytest.mark.slow  # hundreds of calls by threads
@pytest.mark.django_db(transaction=True)
def test_parallel_bookings_of_one_slot_give_one_201_and_the_rest_409(clinic, as_role, many_callers, practice):
    doctor, patient = clinic
    cookies = as_role("staff").cookies

    def book(number):
        client = Client()
        client.cookies = cookies
        start = START + timedelta(minutes=number % 30)  # overlapping, not only equal
        return client.post("/api/appointments", booking(doctor, patient, start), "application/json").status_code

    assert Counter(at_once(many_callers, book)) == {201: 1, 409: many_callers - 1}
    with practice_scope(practice.pk):
        assert Appointment.objects.count() == 1


@pytest.mark.slow  # hundreds of calls by threads
@pytest.mark.django_db(transaction=True)
def test_parallel_moves_and_reopenings_into_one_slot_let_one_through(clinic, as_role, practice):
    doctor, patient = clinic
    with practice_scope(practice.pk):
        moved = [
            AppointmentFactory(
                patient=patient,
                doctor=doctor,
                starts_at=START + timedelta(days=n + 1),
                ends_at=START + timedelta(days=n + 1, minutes=30),
            )
            for n in range(6)
        ]
        reopened = AppointmentFactory.create_batch(
            6,
            patient=patient,
            doctor=doctor,
            status="cancelled",
            starts_at=START,
            ends_at=START + timedelta(minutes=30),
        )
    cookies = as_role("staff").cookies

    def change(number):
        client = Client()
        client.cookies = cookies
        if number % 2:
            body, target = {"status": "scheduled"}, reopened[number // 2]
        else:
            body, target = {"date": START.isoformat()}, moved[number // 2]
        return client.patch(f"/api/appointments/{target.pk}", body, "application/json").status_code

    assert Counter(at_once(12, change)) == {200: 1, 409: 11}
    with practice_scope(practice.pk):
        assert Appointment.objects.filter(status="scheduled", starts_at=START).count() == 1


@pytest.mark.slow  # hundreds of calls by threads
@pytest.mark.django_db(transaction=True)
def test_parallel_bookings_of_doctors_and_rooms_over_other_spans_share_none(clinic, as_role, many_callers, practice):
    """Four doctors and three rooms, in whatever order and pair: no two visits of either overlap, nothing deadlocks."""
    with practice_scope(practice.pk):
        rooms = RoomFactory.create_batch(3, office=OfficeFactory())
        patients = PatientFactory.create_batch(5)
        doctors = [UserFactory(role="doctor", practice=practice) for _ in range(4)]
    cookies = as_role("staff").cookies

    def book(number):
        client = Client()
        client.cookies = cookies
        start = START + timedelta(minutes=number * 7 % 90)
        body = booking(doctors[number % 4], patients[number % 5], start)
        body |= {"roomId": str(rooms[number % 3].pk), "minutes": 5 + number % 3 * 10}
        return client.post("/api/appointments", body, "application/json").status_code

    answers = Counter(at_once(many_callers, book))
    assert set(answers) == {201, 409}
    with practice_scope(practice.pk):
        visits = list(Appointment.objects.order_by("starts_at"))
    assert len(visits) == answers[201]
    for one, other in combinations(visits, 2):
        if one.doctor_id == other.doctor_id or one.room_id == other.room_id:
            assert one.ends_at <= other.starts_at


@pytest.mark.django_db(transaction=True)
def test_two_doctors_are_booked_at_the_same_time_without_waiting_for_each_other(clinic, as_role, make_user):
    doctor, patient = clinic
    colleague = make_user("doctor")
    cookies = as_role("staff").cookies

    def book(number):
        client = Client()
        client.cookies = cookies
        who = doctor if number % 2 else colleague
        body = booking(who, patient, START + timedelta(hours=number))
        return client.post("/api/appointments", body, "application/json").status_code

    assert Counter(at_once(10, book)) == {201: 10}


def test_database_itself_refuses_an_overlap(scope, make_user):
    doctor, patient = make_user("doctor"), PatientFactory()

    def slot(start, minutes, **fields):
        times = {"starts_at": START + timedelta(minutes=start), "ends_at": START + timedelta(minutes=start + minutes)}
        with transaction.atomic():
            return AppointmentFactory(patient=patient, doctor=doctor, **times, **fields)

    slot(0, 30)
    slot(30, 30)  # back to back is no overlap
    slot(-30, 30)
    slot(0, 30, status="cancelled")
    slot(0, 30, status="completed")
    for start, minutes in ((0, 30), (29, 10), (-1, 2), (-60, 180), (10, 5)):
        with pytest.raises(IntegrityError, match="appointment_overlap"):
            slot(start, minutes)
    free = slot(120, 30)
    with pytest.raises(IntegrityError, match="appointment_overlap"), transaction.atomic():
        Appointment.objects.filter(pk=free.pk).update(starts_at=START)


def test_database_itself_refuses_an_overlap_in_a_room(scope, make_user):
    patient, room = PatientFactory(), RoomFactory(office=OfficeFactory())

    def slot(start, minutes, **fields):
        times = {"starts_at": START + timedelta(minutes=start), "ends_at": START + timedelta(minutes=start + minutes)}
        with transaction.atomic():
            return AppointmentFactory(patient=patient, doctor=make_user("doctor"), **{"room": room, **times, **fields})

    slot(0, 30)
    slot(30, 30)  # back to back is no overlap
    slot(0, 30, status="cancelled")
    slot(0, 30, room=None)
    for start, minutes in ((0, 30), (29, 10), (-60, 180)):
        with pytest.raises(IntegrityError, match="room_overlap"):
            slot(start, minutes)
    free = slot(120, 30)
    with pytest.raises(IntegrityError, match="room_overlap"), transaction.atomic():
        Appointment.objects.filter(pk=free.pk).update(starts_at=START)


def test_other_integrity_errors_are_not_reported_as_a_taken_slot(scope, make_user, as_role, monkeypatch):
    """Only an overlap means 409; any other violated constraint is a bug."""
    doctor, patient = make_user("doctor"), PatientFactory()
    staff = as_role("staff")

    def broken(self, *args, **kwargs):
        raise IntegrityError("some_other_constraint")

    monkeypatch.setattr(Appointment, "save", broken)
    answer = staff.post("/api/appointments", booking(doctor, patient, START), "application/json")
    assert answer.status_code == 500


def test_pending_patient_can_book_only_twice(scope, make_user, client_of):
    scope.booking_months_ahead = 120
    scope.save()
    doctor, person = make_user("doctor"), make_user("patient")
    chart = PatientFactory(user=person, status="pending")
    newcomer = client_of(person)

    def book(hour):
        body = booking(doctor, chart, START + timedelta(hours=hour))
        return newcomer.post("/api/appointments", body, "application/json").status_code

    assert [book(hour) for hour in range(3)] == [201, 201, 403]
    chart.status = "confirmed"
    chart.save()
    assert book(4) == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the removal waits for the booking")
def test_type_that_is_removed_while_it_is_booked_is_not_found(clinic, as_role, practice, monkeypatch):
    doctor, patient = clinic
    with practice_scope(practice.pk):
        kind = AppointmentTypeFactory()
    look = availability.get_bookable_type

    def remove():
        with practice_scope(practice.pk):
            AppointmentType.objects.filter(pk=kind.pk).delete()
        connection.close()

    def look_and_lose_it(by, type_id):
        found = look(by, type_id)
        with ThreadPoolExecutor(1) as other:
            other.submit(remove).result()
        return found

    monkeypatch.setattr(availability, "get_bookable_type", look_and_lose_it)
    body = {**booking(doctor, patient, START), "typeId": str(kind.pk)}
    assert as_role("staff").post("/api/appointments", body, content_type="application/json").status_code == 404
