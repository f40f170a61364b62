"""Two desks at once: what they say of a visit, and what a client that asks for changes is told meanwhile."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from appointments.services import act, book
from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_double_booking import at_once
from appointments.tests.test_visit_changes import Feed
from appointments.tests.visit_clinic import JSON
from appointments.visits.machine import Action
from core.tenancy.scope import practice_scope
from notifications.messages.settings import say_preference
from notifications.models import How, MessagePreference
from patients.tests.factories import PatientFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.production]
CALLERS = 12


@pytest.fixture
def visits(transactional_db, practice, make_user, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    doctor, now = make_user("doctor"), timezone.now()
    with practice_scope(practice.pk):
        patient = PatientFactory()
        return [
            AppointmentFactory(patient=patient, doctor=doctor, starts_at=start, ends_at=start + timedelta(minutes=9))
            for start in (now - timedelta(minutes=10 * n) for n in range(1, 5))
        ]


@pytest.fixture
def desks(as_role):
    return [as_role("staff").cookies, as_role("admin").cookies]


def calling(cookies):
    client = Client()
    client.cookies = cookies
    return client


def test_two_desks_arrive_and_cancel_at_once(visits, desks, practice):
    path = f"/api/appointments/{visits[0].pk}"

    def say(number):
        client = calling(desks[number % 2])
        if number % 4 < 2:
            return "arrive", client.post(f"{path}/arrive").status_code
        return "cancel", client.patch(path, {"status": "cancelled"}, JSON).status_code

    answers = Counter(at_once(CALLERS, say))

    with practice_scope(practice.pk):
        visit = Appointment.objects.get(pk=visits[0].pk)
        kinds = Counter(visit.events.values_list("what", flat=True))
    assert {status for _, status in answers} <= {200, 409}
    assert visit.version == 1 + kinds.total() and max(kinds.values()) == 1
    assert (visit.status == "cancelled") == (kinds["cancelled"] == 1) and bool(visit.arrived_at) == kinds["arrived"]


def test_slot_of_a_cancelled_visit_goes_to_one_of_those_who_want_it(visits, desks, practice):
    visit, desk = visits[0], calling(desks[0])
    path = f"/api/appointments/{visit.pk}"
    assert desk.patch(path, {"status": "cancelled"}, JSON).status_code == 200
    booking = {"patientId": str(visit.patient_id), "doctorId": str(visit.doctor_id), "reason": "Pain", "minutes": 5}

    def want(number):
        client = calling(desks[0])
        if number % 2:
            return client.post(f"{path}/undo").status_code
        start = {"date": visit.starts_at.isoformat(), "allowPast": True}
        return client.post("/api/appointments", {**booking, **start}, JSON).status_code

    answers = Counter(at_once(CALLERS, want))

    assert answers[200] + answers[201] == 1 and set(answers) <= {200, 201, 409}
    with practice_scope(practice.pk):
        assert Appointment.objects.filter(status="scheduled", starts_at=visit.starts_at).count() == 1


@pytest.mark.postgresql
def test_change_that_is_committed_late_is_told_once(visits, desks, practice, make_user):
    desk, colleague = make_user("staff"), make_user("staff")
    feed = Feed(calling(desks[0]), updatedSince=timezone.now().isoformat(), limit=100)
    feed.ask()
    feed.told.clear()
    changed, committed = Event(), Event()

    def change_slowly():
        with practice_scope(practice.pk), transaction.atomic():
            act(by=desk, appointment_id=visits[0].pk, action=Action.ARRIVE)
            changed.set()
            assert committed.wait(60)
        connection.close()

    def change():
        assert changed.wait(60)
        with practice_scope(practice.pk):
            act(by=colleague, appointment_id=visits[1].pk, action=Action.ARRIVE)
            book(
                by=colleague,
                patient_id=visits[2].patient_id,
                doctor_id=desk_doctor.pk,
                date=timezone.now() + timedelta(days=1),
                reason="Pain",
            )
        connection.close()

    desk_doctor = make_user("doctor")
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(change_slowly), pool.submit(change)]
        assert changed.wait(60)
        assert feed.ask()["total"] == 0
        committed.set()
        for other in others:
            other.result()
    feed.ask()

    assert len(feed.told) == 3 and feed.told[0] == str(visits[0].pk)
    assert feed.known[str(visits[1].pk)]["arrivedAt"]


def test_client_that_asks_while_others_work_is_told_each_state_once(visits, desks, practice):
    steps = ("arrive", "start", "finish", "undo", "undo", "undo", "no-show")
    feed = Feed(calling(desks[0]), updatedSince=timezone.now().isoformat(), limit=2)
    versions = []

    def work(number):
        if number == 0:
            for _ in range(20):
                versions.extend((row["id"], row["version"]) for row in feed.ask()["appointments"])
            return None
        visit, client = visits[number - 1], calling(desks[1])
        return [client.post(f"/api/appointments/{visit.pk}/{step}").status_code for step in steps]

    assert at_once(5, work)[1:] == [[200] * len(steps)] * 4
    while (answer := feed.ask())["total"]:
        versions.extend((row["id"], row["version"]) for row in answer["appointments"])

    assert {feed.known[str(visit.pk)]["version"] for visit in visits} == {1 + len(steps)}
    assert len(versions) == len(set(versions))


def test_stop_that_comes_twice_at_once_is_said_once(transactional_db, practice):
    """A text of the patient's and a report of the provider's, from callers that lock no chart."""
    with practice_scope(practice.pk):
        patient = PatientFactory()

    def stop(number):
        with practice_scope(practice.pk):
            say_preference(patient_id=patient.pk, how=(How.STOP, How.PROVIDER)[number % 2], channels=["sms"])

    at_once(6, stop)
    with practice_scope(practice.pk):
        (said,) = MessagePreference.objects.all()
    assert said.no_sms_since is not None
