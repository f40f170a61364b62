"""Holds, bookings and acceptances of overlapping times at once: real threads, each with its own connection. However
they meet, no doctor has two visits at a time, nobody is answered with an error of the server, nobody waits forever."""

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, Event
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from appointments.messages.tokens import LinkKind, link_of
from appointments.models import Appointment, SlotHold, WaitingListEntry
from appointments.tests.factories import AppointmentFactory, SlotOfferFactory, WaitingListEntryFactory
from appointments.tests.test_double_booking import START, at_once, booking
from appointments.waiting_list import services as waiting_list
from audit.models import Event as AuditEntry
from core.tenancy.scope import practice_scope
from patients.deletion import services as deletions
from patients.tests.factories import PatientFactory
from tests.sampling import examples

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]  # hundreds of calls by threads


@pytest.fixture
def callers(settings, monkeypatch):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    monkeypatch.setattr("core.tenancy.postgresql.base.WAIT_SECONDS", 240)  # as in test_double_booking.py
    return examples(200, 48) if connection.vendor == "postgresql" else 16


@pytest.fixture
def doctors(transactional_db, make_user):
    return [make_user("doctor") for _ in range(2)]


def overlapping_visits():
    visits = list(Appointment.objects.filter(status="scheduled").order_by("doctor", "starts_at"))
    return [
        (one.pk, two.pk)
        for one, two in pairwise(visits)
        if one.doctor_id == two.doctor_id and two.starts_at < one.ends_at
    ]


def test_holds_and_bookings_of_one_time_leave_one_of_them(callers, doctors, as_role, make_user, client_of, practice):
    with practice_scope(practice.pk):
        patients = PatientFactory.create_batch(8)
    people = [client_of(make_user("staff")).cookies for _ in range(8)]

    def call(number):
        client = Client()
        client.cookies = people[number % 8]
        start = START + timedelta(minutes=number % 30)
        body = booking(doctors[0], patients[number % 8], start)
        if number % 2:
            return client.post("/api/appointments", body, "application/json").status_code
        return client.post("/api/holds", {k: body[k] for k in ("doctorId", "date")}, "application/json").status_code

    assert Counter(at_once(callers, call)) == {201: 1, 409: callers - 1}
    with practice_scope(practice.pk):
        assert SlotHold.objects.count() + Appointment.objects.count() == 1


def test_restored_visits_and_holds_of_one_time_leave_one_of_them(
    callers, doctors, as_role, make_user, client_of, practice
):
    with practice_scope(practice.pk):
        by = make_user("admin")
        visits = [AppointmentFactory(doctor=doctors[0], patient=PatientFactory()) for _ in range(8)]
        for visit in visits:
            deletions.delete(by=by, row=visit, reason="By mistake")
    manager, people = as_role("admin").cookies, [client_of(make_user("staff")).cookies for _ in visits]

    def call(number):
        client, visit = Client(), visits[number // 2 % 8]
        client.cookies = people[number // 2 % 8] if number % 2 else manager
        if not number % 2:
            return client.post(f"/api/appointments/{visit.pk}/restore").status_code
        body = {"doctorId": str(doctors[0].pk), "date": visit.starts_at.isoformat()}
        return client.post("/api/holds", body, "application/json").status_code

    assert set(at_once(16, call)) <= {200, 201, 409}
    with practice_scope(practice.pk):
        held = set(SlotHold.objects.values_list("starts_at", flat=True))
        restored = set(Appointment.objects.values_list("starts_at", flat=True))
    assert held | restored == {visit.starts_at for visit in visits} and not held & restored


def test_offers_are_accepted_withdrawn_and_booked_at_once(callers, doctors, as_role, make_user, practice):
    """Everybody has an offer of both doctors' slots, so that each acceptance gives the other's back."""
    with practice_scope(practice.pk):
        desk = make_user("staff")
        entries = [WaitingListEntryFactory(patient=PatientFactory()) for _ in range(callers // 4)]
        offers = []
        for doctor in doctors:
            slot = {"doctor": doctor, "starts_at": START, "ends_at": START + timedelta(minutes=30)}
            hold = SlotHold.objects.create(**slot, held_by=desk, expires_at=START)
            offers.append([SlotOfferFactory(entry=entry, hold=hold, **slot, expires_at=START) for entry in entries])
        patient = PatientFactory()
    cookies = as_role("staff").cookies

    def call(number):
        client = Client()
        client.cookies = cookies
        which = number % len(entries)
        path = f"/api/waiting-list/{entries[which].pk}"
        match number % 4:
            case 0 | 1:
                offer = offers[number % 4][which]
                return client.post(f"{path}/offers/{offer.pk}/accept", {}, "application/json").status_code
            case 2:
                start = START + timedelta(minutes=number % 30)
                body = booking(doctors[number // 4 % 2], patient, start)
                return client.post("/api/appointments", body, "application/json").status_code
            case _:
                return client.post(f"{path}/withdraw").status_code

    answers = Counter(at_once(callers, call))
    assert set(answers) <= {200, 201, 409}, answers
    with practice_scope(practice.pk):
        assert overlapping_visits() == []
        assert Appointment.objects.count() == answers[201]
        booked = WaitingListEntry.objects.filter(status="booked")
        assert {entry.appointment_id for entry in booked} <= set(Appointment.objects.values_list("pk", flat=True))
        assert len(booked) <= 2


@pytest.mark.parametrize("door", ["My page", "API", "link"])
def test_offer_that_is_declined_while_it_is_accepted_was_accepted(
    door, practice, transactional_db, make_user, client_of, monkeypatch
):
    """The desk is a moment ahead of the patient, who has seen that the time is still on offer."""
    with practice_scope(practice.pk):
        patient, doctor, desk = make_user("patient"), make_user("doctor"), make_user("staff")
        slot = {"doctor": doctor, "starts_at": START, "ends_at": START + timedelta(minutes=30)}
        hold = SlotHold.objects.create(**slot, held_by=make_user("admin"), expires_at=START)
        entry = WaitingListEntryFactory(patient=PatientFactory(user=patient))
        offer = SlotOfferFactory(entry=entry, hold=hold, **slot, expires_at=START)
    own, staff, page = client_of(patient), client_of(desk), Client()
    page.force_login(patient)
    path = f"/api/waiting-list/{entry.pk}/offers/{offer.pk}"
    link = urlsplit(link_of(LinkKind.OFFER, practice.pk, offer.pk, offer.expires_at)).path
    declined = {
        "My page": lambda: page.post(reverse("me_offer_decline", args=[entry.pk, offer.pk])).status_code,
        "API": lambda: own.delete(path).status_code,
        "link": lambda: own.post(link, {"action": "decline"}).status_code,
    }
    real, both, first = waiting_list._calendars_locked, Barrier(2), Event()

    @contextmanager
    def in_turn(by, entry_id):
        both.wait(20)
        assert by == desk or first.wait(30)
        with real(by, entry_id):
            first.set()
            yield

    monkeypatch.setattr(waiting_list, "_calendars_locked", in_turn)
    calls = [lambda: staff.post(f"{path}/accept", {}, "application/json").status_code, declined[door]]
    answers = at_once(2, lambda number: calls[number]())
    assert answers == [201, {"My page": 302, "API": 409, "link": 200}[door]]
    with practice_scope(practice.pk):
        trail = AuditEntry.objects.filter(practice_id=practice.pk, about_id=entry.pk, kind__startswith="waiting_list.")
        kinds = set(trail.values_list("kind", flat=True)) - {"waiting_list.read"}
    assert kinds == {"waiting_list.accepted"}


def test_every_door_to_one_time_lets_one_visit_in(callers, doctors, as_role, make_user, client_of, practice):
    """The calendar's page, the API, a series, the patient's own booking, an offer, and one that was cancelled and is
    booked again."""
    doctor, waits = doctors[0], callers // 6
    with practice_scope(practice.pk):
        desk, person = make_user("staff"), make_user("patient")
        own, patients = PatientFactory(user=person), PatientFactory.create_batch(6)
        slot = {"doctor": doctor, "starts_at": START, "ends_at": START + timedelta(minutes=30)}
        hold = SlotHold.objects.create(**slot, held_by=desk, expires_at=START)
        entries = [WaitingListEntryFactory(patient=PatientFactory()) for _ in range(waits + 1)]
        offers = [SlotOfferFactory(entry=entry, hold=hold, **slot, expires_at=START) for entry in entries]
        cancelled = [AppointmentFactory(**slot, patient=patients[0], status="cancelled") for _ in entries]
    cookies, patients_cookies = as_role("staff").cookies, client_of(person).cookies

    def call(number):
        client, which = Client(headers={"HX-Request": "true"}), number // 6
        client.cookies = patients_cookies if number % 6 == 3 else cookies
        start = START + timedelta(minutes=number % 30)
        body = booking(doctor, own if number % 6 == 3 else patients[number % 6], start)
        path, sent = "/api/appointments", body
        match number % 6:
            case 1:
                path, sent = "/api/appointments/series", {**body, "every": 1, "unit": "week", "count": 2}
            case 2:
                form = {"doctor": doctor.pk, "start": start.isoformat(), "patient": patients[2].pk, "reason": "Pain"}
                return client.post(reverse("calendar_book"), form).status_code
            case 4:
                path = f"/api/waiting-list/{entries[which].pk}/offers/{offers[which].pk}/accept"
                sent = {}
            case 5:
                path, sent = f"/api/appointments/{cancelled[which].pk}/undo", {}
        return client.post(path, sent, "application/json").status_code

    answers = Counter(at_once(callers, call))
    assert set(answers) <= {200, 201, 409}, answers
    with practice_scope(practice.pk):
        assert overlapping_visits() == []
        assert Appointment.objects.filter(status="scheduled", starts_at__date=START.date()).count() == 1


def test_one_person_holds_three_of_many_doctors_at_once(doctors, make_user, as_role, practice):
    many = [*doctors, *(make_user("doctor") for _ in range(6))]
    cookies = as_role("staff").cookies

    def call(number):
        client = Client()
        client.cookies = cookies
        body = {"doctorId": str(many[number].pk), "date": START.isoformat()}
        return client.post("/api/holds", body, "application/json").status_code

    assert Counter(at_once(8, call)) == {201: 3, 409: 5}
