"""The pages on which notes are written: who may open them, what they say to the audit trail, and that no word is lost
or stored twice. What the editor's script does with the answers is in tests/browser/test_notes_editor.py."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginSession
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from audit.models import Event
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.restriction.services import restrict
from patients.tests.factories import PatientFactory
from records.models import SessionNote
from records.models.note import SECTIONS
from records.notes import services as notes
from records.tests.factories import FinalisedNoteFactory, NoteFactory, NoteTemplateFactory, PhraseFactory

MOST_QUERIES = 14  # four of them for who asks; the event of the trail
TEXTS = {"subjective": "Neck pain since Monday", "objective": "", "assessment": "", "plan": "Heat"}


@pytest.fixture
def desk(practice, make_user):
    """A doctor at her desk, a patient seen before, and today's visit."""
    doctor = make_user("doctor", name="Dr. Mei Chen")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen", allergies="Penicillin")
        start = timezone.now() - timedelta(minutes=20)
        visit = AppointmentFactory(patient=chart, doctor=doctor, starts_at=start, ends_at=start + timedelta(minutes=30))
        last = FinalisedNoteFactory(
            patient=chart, doctor=doctor, plan="Stretching twice a day", date=start - timedelta(days=7)
        )
    client = Client()
    client.force_login(doctor)
    return SimpleNamespace(practice=practice, doctor=doctor, chart=chart, visit=visit, last=last, client=client)


def send(desk, address, client=None, writer=None, **body):
    return (client or desk.client).post(
        address, body, content_type="application/json", headers={"Praxis-Writer": str(writer or desk.doctor.pk)}
    )


def begin(desk, **body):
    return send(desk, reverse("note-save-new", args=[desk.chart.pk]), **{**TEXTS, **body})


def stored(desk, **filters):
    with practice_scope(desk.practice.pk):
        return list(SessionNote.objects.filter(**filters).exclude(pk=desk.last.pk).order_by("id"))


def kinds(desk):
    with practice_scope(desk.practice.pk):
        return [event.kind for event in Event.objects.filter(practice_id=desk.practice.pk).order_by("id")]


def draft(desk, **fields):
    with practice_scope(desk.practice.pk):
        return NoteFactory(patient=desk.chart, doctor=desk.doctor, **fields)


# --- Writing


def test_note_is_written_reviewed_finalised_and_amended(desk):
    page = desk.client.get(reverse("note-new", args=[desk.chart.pk]), {"visit": desk.visit.pk})
    text = page.content.decode()
    assert "Stretching twice a day" in text
    assert "Penicillin" in text
    assert stored(desk) == []  # a page that was only opened leaves nothing

    saved = begin(desk, appointmentId=str(desk.visit.pk), durationMinutes=30).json()
    assert saved["version"] == 1
    assert saved["said"].startswith("Saved ")
    (note,) = stored(desk)
    assert (note.subjective, note.appointment_id, note.duration_minutes) == (TEXTS["subjective"], desk.visit.pk, 30)
    again = desk.client.get(reverse("note-new", args=[desk.chart.pk]), {"visit": desk.visit.pk})
    assert again.url == saved["edit"]

    assert send(desk, saved["save"], **{**TEXTS, "plan": "Heat, rest"}, version=1).json()["version"] == 2
    review = desk.client.get(saved["review"]).content.decode()
    assert "Heat, rest" in review
    assert "Objective, Assessment" in review  # nothing is written there
    stale = desk.client.post(saved["review"], {"version": 1}).content.decode()
    assert "The note was changed since." in stale
    for odd in ("", "x", "0", "9" * 5000):
        assert desk.client.post(saved["review"], {"version": odd}).status_code == 400
    assert desk.client.post(saved["review"], {"version": 2}).url == saved["edit"]
    assert desk.client.post(saved["review"], {"version": 2}).url == saved["edit"]  # pressed twice

    amend, finalised = reverse("note-amend", args=[note.pk]), desk.client.get(saved["edit"]).content.decode()
    assert amend in finalised and "Finalised " in finalised
    with practice_scope(desk.practice.pk):
        Patient.objects.filter(pk=desk.chart.pk).update(allergies="")
    assert "<b>Allergies:</b> not asked" in desk.client.get(saved["edit"]).content.decode()
    carried = desk.client.post(amend, {"plan": "Heat, rest\r\nand ice"}).content.decode()
    assert "Heat, rest\nand ice</textarea>" in carried
    save = reverse("note-save-amendment", args=[note.pk])
    changes = {**TEXTS, "plan": "Heat, rest and ice", "version": 3}
    assert "reason" in send(desk, save, **changes).json()["errors"]
    for _sent_again in range(2):
        assert send(desk, save, **changes, reason="Forgot the ice").json()["version"] == 4
    versions = desk.client.get(reverse("note-versions", args=[note.pk]), {"from": 1, "to": 2}).content.decode()
    assert versions.count("<ins> and ice</ins>") == 2  # compared, and in the list
    assert "Forgot the ice" in versions
    assert kinds(desk).count("note.finalised") == 1
    assert kinds(desk).count("data.amended") == 1


def test_versions_that_repeat_one_word_are_compared_at_once(desk):
    """Comparing them word by word takes minutes, in which the process answers nobody."""
    amended, change = reverse("note-save-amendment", args=[desk.last.pk]), {"version": 1, "reason": "Typing error"}
    with practice_scope(desk.practice.pk):
        desk.last.refresh_from_db()
    change["version"] = desk.last.version
    change["version"] = send(desk, amended, **change, plan="a b " * 1250).json()["version"]
    send(desk, amended, **change, plan="a " * 2500)
    page = desk.client.get(reverse("note-versions", args=[desk.last.pk]))
    assert page.content.decode().count("<del>") == 2


def test_what_is_sent_again_is_stored_once(desk):
    first = begin(desk).json()
    assert begin(desk).json()["version"] == first["version"]  # the answer was lost
    (note,) = stored(desk)
    body = {**TEXTS, "plan": "Heat and rest", "version": 1}
    assert [send(desk, first["save"], **body).json()["version"] for _ in range(2)] == [2, 2]
    later = {**body, "durationMinutes": 20}  # the same texts, and what has not come yet
    assert send(desk, first["save"], **later).json()["version"] == 3
    assert [each.pk for each in stored(desk)] == [note.pk]


def test_conflict_shows_what_the_other_window_stored(desk):
    saved = begin(desk).json()
    send(desk, saved["save"], **{**TEXTS, "plan": "Ice"}, version=1)
    before = kinds(desk)
    for answer in (
        send(desk, saved["save"], **{**TEXTS, "plan": "Traction"}, version=1),
        begin(desk, plan="Traction"),  # a second page of a new note
    ):
        assert answer.status_code == 409
        current = answer.json()["current"]
        assert {name: current[name] for name in SECTIONS} == {**TEXTS, "plan": "Ice"}
        assert (current["version"], current["save"], current["isDraft"]) == (2, saved["save"], True)
    assert kinds(desk)[len(before) :] == ["note.read", "note.read"]
    desk.client.post(saved["review"], {"version": 2})
    late = send(desk, saved["save"], **{**TEXTS, "plan": "Traction"}, version=2)
    assert (late.status_code, late.json()["current"]["isDraft"]) == (409, False)
    assert [note.plan for note in stored(desk)] == ["Ice"]


def test_wrong_field_is_named_and_the_texts_can_be_sent_without_it(desk):
    tomorrow = (timezone.localtime() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    for wrong in ({"date": tomorrow}, {"durationMinutes": 0}, {"plan": "x" * 5001}, {"misspelt": ""}):
        answer = begin(desk, **wrong)
        assert (answer.status_code, [*answer.json()["errors"]]) == (400, [*wrong])
    assert stored(desk) == []
    assert desk.client.post(
        reverse("note-save-new", args=[desk.chart.pk]),
        "[]",
        content_type="application/json",
        headers={"Praxis-Writer": str(desk.doctor.pk)},
    ).json() == {"detail": "The request is malformed."}


def test_session_that_is_over_keeps_the_text_until_the_same_doctor_is_back(desk, make_user):
    saved = begin(desk).json()
    with practice_scope(desk.practice.pk):
        LoginSession.objects.all().delete()
    answer = send(desk, saved["save"], **TEXTS, version=1)
    assert (answer.status_code, answer.json()) == (401, {"detail": "You've been signed out."})
    desk.client.force_login(make_user("doctor", name="Dr. Daniel Reyes"))
    other = send(desk, saved["save"], **TEXTS, version=1)
    assert (other.status_code, other.json()) == (401, {"detail": "Dr. Daniel Reyes is signed in here now."})
    desk.client.force_login(desk.doctor)
    assert send(desk, saved["save"], **{**TEXTS, "plan": "Rest"}, version=1).json()["version"] == 2


def test_damaged_section_is_not_offered_and_stays_as_it_is(desk):
    note = draft(desk)
    with practice_scope(desk.practice.pk), connection.cursor() as cursor:
        key = SessionNote._meta.pk.get_db_prep_value(note.pk, connection)
        cursor.execute("UPDATE records_sessionnote SET plan = objective WHERE id = %s", [key])  # of another label
    page = desk.client.get(reverse("note-edit", args=[note.pk])).content.decode()
    assert 'name="plan"' not in page
    assert 'name="subjective"' in page
    answer = send(desk, reverse("note-save", args=[note.pk]), subjective="Better", version=1)
    assert answer.json()["version"] == 2


# --- Who


def test_notes_are_for_clinicians_and_drafts_for_their_author(desk, enter_as, other_practice, make_user, subtests):
    note = draft(desk)
    pages = [
        reverse("note-edit", args=[desk.last.pk]),
        reverse("note-versions", args=[desk.last.pk]),
        reverse("note-new", args=[desk.chart.pk]),
        reverse("note-edit", args=[note.pk]),
        reverse("note-review", args=[note.pk]),
        reverse("note-amend", args=[desk.last.pk]),
    ]
    expected = {
        "doctor": [200, 200, 200, 404, 404, 403],
        "staff": [200, 200, 403, 404, 403, 403],
        "admin": [200, 200, 403, 404, 403, 403],
        "billing": [403] * 6,
        "patient": [403] * 6,
    }
    for role, statuses in expected.items():
        client = enter_as(role)
        with subtests.test(role=role):
            assert [client.get(page).status_code for page in pages] == statuses
            answer = send(desk, reverse("note-save", args=[note.pk]), client, client.user.pk, **TEXTS, version=1)
            assert answer.status_code in (403, 404)
    stranger = Client()
    stranger.force_login(make_user("doctor", practice=other_practice))
    assert {stranger.get(page).status_code for page in pages} == {404}
    anonymous = Client().get(pages[0])
    assert anonymous.url.endswith(f"?next={pages[0]}")
    page = desk.client.get(pages[0])
    assert "unsafe" not in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "no-store, private"
    assert desk.client.get(reverse("note-new", args=[desk.chart.pk]), {"visit": uuid4()}).status_code == 404
    assert [each.subjective for each in stored(desk)] == [note.subjective]


def test_restricted_chart_closes_its_notes(desk, enter_as, make_user):
    saved = begin(desk).json()
    manager = make_user("admin")
    with practice_scope(desk.practice.pk):
        restrict(patient_id=desk.chart.pk, by=manager)
    staff = enter_as("staff")
    assert staff.get(reverse("note-edit", args=[desk.last.pk])).status_code == 403
    colleague = enter_as("doctor")
    assert colleague.get(reverse("note-new", args=[desk.chart.pk])).status_code == 403
    answer = send(desk, reverse("note-save-new", args=[desk.chart.pk]), colleague, colleague.user.pk, **TEXTS)
    assert answer.status_code == 403
    assert "restricted" in answer.json()["detail"]
    assert send(desk, saved["save"], **TEXTS, version=1).status_code in (200, 403)


def test_query_count_of_the_editor_is_constant(desk):
    note = draft(desk)
    address = reverse("note-edit", args=[note.pk])

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.client.get(address).status_code == 200
        return len(captured)

    def add():
        with practice_scope(desk.practice.pk):
            FinalisedNoteFactory(patient=desk.chart, doctor=desk.doctor)
            NoteTemplateFactory(appointment_type=AppointmentTypeFactory())
            PhraseFactory()

    add()
    queries()
    one = queries()
    add()
    add()
    assert queries() == one
    assert one <= MOST_QUERIES


def test_pages_log_whom_and_what_they_show(desk, subtests):
    saved = begin(desk).json()
    note = stored(desk)[0].pk
    for name, kind, about in (
        ("note-edit", "note.read", note),
        ("note-review", "note.read", note),
        ("note-versions", "version.read", desk.last.pk),
        ("note-amend", "note.read", desk.last.pk),
    ):
        with subtests.test(page=name), practice_scope(desk.practice.pk):
            before = Event.objects.count()
            assert desk.client.get(reverse(name, args=[about])).status_code == 200
            *_, event = Event.objects.order_by("id")
            assert Event.objects.count() == before + 1
            assert (event.kind, event.outcome, event.about_id) == (kind, "done", about)
            assert orjson.loads(event.patients) == [str(desk.chart.pk)]
    with practice_scope(desk.practice.pk):
        before = Event.objects.count()
        send(desk, saved["save"], **{**TEXTS, "plan": "Ice"}, version=1)
        (event,) = Event.objects.order_by("id")[before:]
        assert (event.kind, event.about_id) == ("data.changed", note)
        assert "Ice" not in event.details


def test_notes_of_today_by_the_service_are_found(desk):
    """The first save finds the draft that was begun elsewhere, such as by a program."""
    with practice_scope(desk.practice.pk):
        begun = notes.create_draft(by=desk.doctor, patient_id=desk.chart.pk, plan="Rest")
    assert desk.client.get(reverse("note-new", args=[desk.chart.pk])).url == reverse("note-edit", args=[begun.pk])
    assert begin(desk).status_code == 409
