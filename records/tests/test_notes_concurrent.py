"""Concurrent saves: the row lock decides, and no text is lost unnoticed."""

from collections import Counter

import pytest
from django.test import Client

from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import NoteVersion, RecordVersion, SessionNote
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 20
JSON = "application/json"


@pytest.fixture
def doctor(transactional_db, as_role, settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.AUTOSAVES_PER_MINUTE = 10_000
    return as_role("doctor")


@pytest.fixture
def make(practice, doctor):
    with practice_scope(practice.pk):
        patient = PatientFactory()

    def make(factory, **fields):
        with practice_scope(practice.pk):
            return factory(patient=patient, doctor=doctor.user, **fields)

    return make


def ask(caller, method, path, body):
    client = Client()
    client.cookies = caller.cookies
    return getattr(client, method)(path, body, content_type=JSON)


def reload(row):
    with practice_scope(row.practice_id):
        return type(row).objects.get(pk=row.pk)


def test_concurrent_saves_of_one_version_store_one(doctor, make):
    note = make(NoteFactory)

    def save(number):
        return ask(doctor, "patch", f"/api/sessions/{note.pk}", {"version": 1, "plan": f"Plan {number}"})

    answers = at_once(AT_ONCE, save)

    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
    (won,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    stored = reload(note)
    assert (stored.plan, stored.version) == (f"Plan {won}", 2)
    assert {answer.json()["current"]["plan"] for answer in answers if answer.status_code == 409} == {f"Plan {won}"}


def test_retried_saves_are_all_stored(doctor, make):
    note = make(NoteFactory, subjective="")

    def add(number):
        version, text = 1, ""
        for _ in range(100):
            body = {"version": version, "subjective": f"{text} {number};"}
            answer = ask(doctor, "patch", f"/api/sessions/{note.pk}", body)
            if answer.status_code == 200:
                return 200
            version, text = answer.json()["current"]["version"], answer.json()["current"]["subjective"]
        return 409

    assert at_once(8, add) == [200] * 8
    stored = reload(note)
    assert sorted(stored.subjective.split()) == [f"{number};" for number in range(8)]
    assert stored.version == 9


def test_autosave_and_finalise_exclude_each_other(doctor, make):
    notes = [make(NoteFactory) for _ in range(5)]

    def act(number):
        note, path = notes[number // 2], f"/api/sessions/{notes[number // 2].pk}"
        if number % 2:
            return ask(doctor, "post", f"{path}/finalise", {"version": note.version})
        return ask(doctor, "patch", path, {"version": note.version, "plan": "Saved last"})

    answers = at_once(10, act)

    for number, note in enumerate(notes):
        saved, finalised = answers[2 * number : 2 * number + 2]
        assert sorted([saved.status_code, finalised.status_code]) == [200, 409]
        stored = reload(note)
        assert (stored.status == "finalised") == (finalised.status_code == 200)
        assert (stored.plan == "Saved last") == (saved.status_code == 200)
        with practice_scope(note.practice_id):
            kept = [version.content["plan"] for version in NoteVersion.objects.filter(note=note)]
        assert kept == ([note.plan] if finalised.status_code == 200 else [])


def test_concurrent_finalise_succeeds_once(doctor, make):
    note = make(NoteFactory)

    answers = at_once(8, lambda _: ask(doctor, "post", f"/api/sessions/{note.pk}/finalise", {"version": 1}).status_code)

    assert Counter(answers) == {200: 1, 409: 7}
    assert whole_trail().filter(kind="note.finalised", outcome="done").count() == 1
    with practice_scope(note.practice_id):
        assert NoteVersion.objects.filter(note=note).count() == 1


@pytest.mark.parametrize(
    ("factory", "where", "field", "versions"),
    [
        (FinalisedNoteFactory, "sessions", "plan", NoteVersion),
        (MedicalRecordFactory, "records", "notes", RecordVersion),
    ],
)
def test_concurrent_amendments_keep_one(doctor, make, factory, where, field, versions):
    entry = make(factory)

    def amend(number):
        body = {"version": 1, "reason": f"Reason {number}", field: f"Text {number}"}
        return ask(doctor, "post", f"/api/{where}/{entry.pk}/amendments", body).status_code

    answers = at_once(8, amend)

    assert Counter(answers) == {200: 1, 409: 7}
    won = answers.index(200)
    assert (getattr(reload(entry), field), reload(entry).version) == (f"Text {won}", 2)
    with practice_scope(entry.practice_id):
        kept = list(versions.objects.order_by("number"))
    assert [version.number for version in kept] == [1, 2]
    assert [version.content[field] for version in kept] == [getattr(entry, field), f"Text {won}"]


def test_concurrent_notes_of_one_appointment_keep_one(doctor, make, practice):
    booked = make(AppointmentFactory)
    drafts = [make(NoteFactory) for _ in range(4)]

    def link(number):
        body = {"appointmentId": str(booked.pk)}
        if number % 2:
            return ask(doctor, "patch", f"/api/sessions/{drafts[number // 2].pk}", {**body, "version": 1}).status_code
        return ask(doctor, "post", "/api/sessions", {**body, "patientId": str(booked.patient_id)}).status_code

    answers = at_once(8, link)

    assert Counter(answer for answer in answers if answer == 409) == {409: 7}
    with practice_scope(practice.pk):
        assert SessionNote.objects.filter(appointment=booked).count() == 1
