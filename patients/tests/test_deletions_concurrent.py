"""Concurrent deletes and restores: the database decides who wins, and the trail logs what happened."""

from collections import Counter
from datetime import timedelta
from io import StringIO

import orjson
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import soft_deletable_models
from patients.deletion import services as deletions
from patients.models import Deletion, LegalHold, Patient
from patients.tests.chart_with_all import chart_with_all
from patients.tests.factories import PatientFactory
from records.models import SessionNote
from records.tests.factories import NoteFactory

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 4
TURNS = 24
REASON = orjson.dumps({"reason": "By mistake"})


@pytest.fixture
def admins(transactional_db, as_role, settings):
    settings.RATE_LIMIT_PER_MINUTE = 10_000
    return [as_role("admin"), as_role("admin")]


@pytest.fixture
def doctor(make_user):
    return make_user("doctor")


def call(client, method, path, body=b""):
    own = Client()
    own.cookies = client.cookies
    return own.generic(method, path, body, content_type="application/json").status_code


def delete(client, path):
    return call(client, "DELETE", path, REASON)


def restore(client, path):
    return call(client, "POST", f"{path}/restore")


def logged(kind):
    return whole_trail().filter(kind=kind, outcome="done").count()


def charts_of(practice, doctor, number=ROUNDS):
    with practice_scope(practice.pk):
        return [chart_with_all(doctor) for _ in range(number)]


def visible_rows(practice, chart):
    """Return how many rows of this chart are visible."""
    with practice_scope(practice.pk):
        return {
            model._meta.label: model.objects.filter(**{model.patient_field: chart.pk}).count()
            for model in soft_deletable_models()
        }


def test_chart_is_deleted_once(admins, practice, doctor):
    made = charts_of(practice, doctor)

    answers = at_once(2 * ROUNDS, lambda n: delete(admins[n % 2], f"/api/patients/{made[n // 2].patient.pk}"))

    assert [sorted(answers[n : n + 2]) for n in range(0, 2 * ROUNDS, 2)] == [[200, 404]] * ROUNDS
    assert logged("data.soft_deleted") == ROUNDS
    with practice_scope(practice.pk):
        assert Deletion.objects.count() == ROUNDS


@pytest.mark.parametrize("name", ["patient", "plan", "appointment"])
def test_concurrent_deletes_and_restores_are_atomic(admins, practice, doctor, name):
    """In any order, responses, audit trail and visible rows agree."""
    (made,) = charts_of(practice, doctor, 1)
    path = {"patient": "/api/patients/", "plan": "/api/plans/", "appointment": "/api/appointments/"}[name]
    path += str(getattr(made, name).pk)
    before = visible_rows(practice, made.patient)

    def act(n):
        return (delete if (n // 2) % 2 else restore)(admins[n % 2], path)

    answers = at_once(TURNS, act)

    deleted, restored = Counter(answers[2::4] + answers[3::4]), Counter(answers[0::4] + answers[1::4])
    assert set(deleted) <= {200, 404, 409} and set(restored) <= {200, 409}
    assert (logged("data.soft_deleted"), logged("data.restored")) == (deleted[200], restored[200])
    left = deleted[200] - restored[200]
    assert left in (0, 1)
    with practice_scope(practice.pk):
        assert Deletion.objects.count() == left
        hidden = type(getattr(made, name)).with_deleted.exclude(deletion=None).count()
    assert (hidden > 0) == bool(left)
    if left:
        assert restore(admins[0], path) == 200
    assert visible_rows(practice, made.patient) == before


def test_rows_added_while_the_chart_is_deleted_are_hidden_with_it(admins, practice, doctor, client_of):
    made = charts_of(practice, doctor)
    writer = client_of(doctor)
    soon = timezone.now() + timedelta(days=3)

    def act(n):
        chart = str(made[n // 4].patient.pk)
        if n % 4 == 0:
            return delete(admins[0], f"/api/patients/{chart}")
        when = (soon + timedelta(hours=n)).isoformat()
        path, body = {
            1: ("/api/appointments", {"doctorId": str(doctor.pk), "date": when, "reason": "Pain"}),
            2: ("/api/sessions", {"plan": "Rest"}),
            3: ("/api/records", {"diagnosis": "Strain", "prescription": "", "notes": ""}),
        }[n % 4]
        return call(writer, "POST", path, orjson.dumps({"patientId": chart, **body}))

    answers = at_once(4 * ROUNDS, act)

    assert answers[::4] == [200] * ROUNDS
    assert set(answers) <= {200, 201, 404}
    for chart in made:
        assert not any(visible_rows(practice, chart.patient).values())
    for chart in made:
        assert restore(admins[0], f"/api/patients/{chart.patient.pk}") == 200
    with practice_scope(practice.pk):
        assert Appointment.objects.filter(patient__in=[chart.patient for chart in made]).count() == ROUNDS + Counter(
            answers[1::4]
        ).get(201, 0)
        assert not Appointment.objects.filter(status="scheduled", starts_at__gte=timezone.now()).exists()


def test_draft_is_saved_or_hidden_and_no_accepted_text_is_lost(admins, practice, doctor, client_of):
    writer = client_of(doctor)
    with practice_scope(practice.pk):
        drafts = [NoteFactory(patient=PatientFactory(), doctor=doctor) for _ in range(ROUNDS)]

    def act(n):
        draft = drafts[n // 3]
        if n % 3 == 0:
            return delete(admins[0], f"/api/patients/{draft.patient_id}")
        path, body = f"/api/sessions/{draft.pk}", {"version": 1}
        if n % 3 == 1:
            return call(writer, "PATCH", path, orjson.dumps({**body, "plan": f"Saved {n}"}))
        return call(writer, "POST", f"{path}/finalise", orjson.dumps(body))

    answers = at_once(3 * ROUNDS, act)

    assert answers[::3] == [200] * ROUNDS
    for number, draft in enumerate(drafts):
        saved, finalised = answers[3 * number + 1 : 3 * number + 3]
        assert {saved, finalised} <= {200, 404, 409}
        assert restore(admins[0], f"/api/patients/{draft.patient_id}") == 200
        with practice_scope(practice.pk):
            note = SessionNote.objects.get(pk=draft.pk)
            assert note.plan == (f"Saved {3 * number + 1}" if saved == 200 else draft.plan)
            assert (note.status == "finalised") == (finalised == 200)
            assert note.versions.count() == (finalised == 200)


def test_only_one_of_two_appointments_in_a_slot_is_restored(admins, practice, doctor):
    slot = {"starts_at": timezone.now() + timedelta(days=3), "ends_at": timezone.now() + timedelta(days=3, hours=1)}
    booked = []
    with practice_scope(practice.pk):
        for _ in range(6):
            appointment = AppointmentFactory(patient=PatientFactory(), doctor=doctor, **slot)
            deletions.delete(by=admins[0].user, row=appointment, reason="By mistake")
            booked.append(f"/api/appointments/{appointment.pk}")

    answers = at_once(6, lambda n: restore(admins[n % 2], booked[n]))

    assert Counter(answers) == {200: 1, 409: 5}


def purge():
    out = StringIO()
    call_command("purge_deleted", stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def over(admins, practice, doctor):
    """Charts that can no longer be restored and need not be kept."""
    practice.retention_years = 0
    with practice_scope(practice.pk):
        practice.save()
        made = [chart_with_all(doctor) for _ in range(ROUNDS)]
        for chart in made:
            deletions.delete(by=admins[0].user, row=chart.patient, reason="By mistake")
        Deletion.objects.update(created_at=timezone.now() - timedelta(days=31))
    return made


def test_two_purges_at_once_remove_everything_once(over, practice):
    at_once(2, lambda n: purge())

    with practice_scope(practice.pk):
        assert not Patient.with_deleted.exists() and not Deletion.objects.exists()
    assert logged("data.purged") == ROUNDS


def test_legal_hold_is_placed_in_time_or_refused(admins, over, practice):
    """A chart on hold loses nothing; a purged chart has no hold."""

    def act(n):
        if n == 0:
            return purge()
        path = f"/api/patients/{over[n - 1].patient.pk}/legal-hold"
        return call(admins[0], "POST", path, orjson.dumps({"reason": "Order of the court"}))

    answers = at_once(1 + ROUNDS, act)[1:]

    assert set(answers) <= {201, 404, 409}
    with practice_scope(practice.pk):
        assert LegalHold.objects.count() == answers.count(201)
        kept = set(Patient.with_deleted.values_list("pk", flat=True))
        assert kept == {chart.patient.pk for chart, answer in zip(over, answers, strict=True) if answer == 201}
        assert SessionNote.with_deleted.count() == 2 * len(kept)
