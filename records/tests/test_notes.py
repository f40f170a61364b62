"""Session notes: who sees which, how often a draft is saved, what a search leaves behind."""

import logging

import orjson
import pytest
from django.core.exceptions import FieldError

from accounts.models import User
from accounts.users.services import update_user
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Practice
from records.models import NoteVersion, SessionNote
from records.tests.factories import FinalisedNoteFactory, NoteFactory, stored_file
from tests.damage import lose_key, store, stored

JSON = "application/json"


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory()


@pytest.fixture
def doctor(as_role):
    return as_role("doctor")


@pytest.fixture
def write(practice, chart, doctor):
    """`write()` creates a draft by the doctor, `write(finalised=True)` a finalised note."""

    def make(*, finalised=False, **fields):
        factory = FinalisedNoteFactory if finalised else NoteFactory
        with practice_scope(practice.pk):
            return factory(**{"patient": chart, "doctor": doctor.user, **fields})

    return make


def address(note, way=""):
    return f"/api/sessions/{note.pk}{way}"


def save(client, note, **fields):
    return client.patch(address(note), {"version": note.version, **fields}, JSON)


def amend(client, note, **fields):
    body = {"version": note.version, "reason": "Left out", **fields}
    return client.post(address(note, "/amendments"), body, JSON)


def reload(note):
    with practice_scope(note.practice_id):
        return SessionNote.objects.get(pk=note.pk)


def restrict(chart):
    with practice_scope(chart.practice_id):
        Patient.objects.filter(pk=chart.pk).update(restricted=True)


def events_since(earlier):
    return list(whole_trail().exclude(pk__in=earlier).order_by("id"))


@pytest.fixture
def earlier_events(db):
    return set(whole_trail().values_list("pk", flat=True))


# --- Throttling


def test_autosave_is_throttled(doctor, write, settings):
    settings.AUTOSAVES_PER_MINUTE = 3
    note, other = write(), write()

    answers = [save(doctor, reload(note), plan=f"Ice {number}") for number in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[3]["Retry-After"]) <= 60
    assert reload(note).plan == "Ice 2"
    assert save(doctor, other, plan="Ice").status_code == 200


def test_others_cannot_use_up_autosave_limit(as_role, doctor, write, practice, settings):
    Practice.objects.filter(pk=practice.pk).update(doctors_see_drafts=True)
    settings.AUTOSAVES_PER_MINUTE = 1
    note, colleague = write(), as_role("doctor")

    assert {save(colleague, note, plan="Ice").status_code for _ in range(3)} == {403}
    assert save(doctor, note, plan="Heat").status_code == 200


def test_stale_saves_count_towards_limit(doctor, write, settings):
    settings.AUTOSAVES_PER_MINUTE = 2
    note = write()

    assert [save(doctor, note, plan="Ice").status_code for _ in range(3)] == [200, 409, 429]


# --- Who sees a draft


def test_practice_setting_shares_drafts(as_role, write, practice, chart):
    note, colleague = write(), as_role("doctor")
    assert colleague.get(address(note)).status_code == 404
    Practice.objects.filter(pk=practice.pk).update(doctors_see_drafts=True)

    assert colleague.get(address(note)).json()["plan"] == note.plan
    assert [row["id"] for row in colleague.get("/api/sessions").json()["sessions"]] == [str(note.pk)]
    for role in ("admin", "staff"):
        assert as_role(role).get(address(note)).status_code == 404
    for answer in (
        save(colleague, note, plan="Mine now"),
        colleague.post(address(note, "/finalise"), {"version": 1}, JSON),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (403, "Only the author can edit this session note.")
    assert reload(note).plan == note.plan


def test_stale_save_by_other_reveals_nothing(as_role, write, practice):
    Practice.objects.filter(pk=practice.pk).update(doctors_see_drafts=True)
    answer = as_role("doctor").patch(address(write()), {"version": 9, "plan": "Ice"}, JSON)

    assert (answer.status_code, "current" in answer.json()) == (403, False)


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "admin"}])
class TestDraftsOfFormerDoctor:
    @pytest.fixture
    def leave(self, as_role, doctor, change, django_capture_on_commit_callbacks):
        def change_them():
            with django_capture_on_commit_callbacks(execute=True):
                update_user(user=doctor.user, by=as_role("admin").user, **change)

        return change_them

    def test_other_doctors_can_finalise(self, write, as_role, doctor, leave, earlier_events):
        note, colleague = write(), as_role("doctor")
        assert colleague.get("/api/sessions").json()["total"] == 0
        leave()

        assert [row["id"] for row in colleague.get("/api/sessions").json()["sessions"]] == [str(note.pk)]
        assert colleague.get("/api/sessions").json()["total"] == 1
        assert save(colleague, note, plan="Ice").status_code == 200
        done = colleague.post(address(note, "/finalise"), {"version": 2}, JSON)

        assert (done.status_code, done.json()["doctorId"]) == (200, str(doctor.user.pk))
        (version,) = colleague.get(address(note, "/versions")).json()["versions"]
        assert version["authorId"] == str(colleague.user.pk)
        events = whole_trail().exclude(pk__in=earlier_events).filter(kind="note.finalised")
        assert [(event.user_id, event.about_id) for event in events] == [(colleague.user.pk, note.pk)]

    def test_other_doctors_can_delete(self, write, as_role, leave):
        note, colleague = write(), as_role("doctor")
        leave()

        assert colleague.delete(address(note), {"reason": "Empty"}, JSON).status_code == 200
        assert colleague.get(address(note)).status_code == 404

    def test_other_roles_cannot_read(self, write, as_role, leave):
        note = write()
        leave()

        for role in ("admin", "staff"):
            assert as_role(role).get(address(note)).status_code == 404
            assert as_role(role).get("/api/sessions").json()["sessions"] == []

    def test_files_are_visible_with_draft(self, write, as_role, chart, practice, doctor, leave):
        note, colleague = write(), as_role("doctor")
        with practice_scope(practice.pk):
            file = stored_file(patient=chart, uploaded_by=doctor.user, note=note)
        assert colleague.get(f"/api/attachments/{file.pk}").status_code == 404
        leave()

        assert colleague.get(f"/api/attachments/{file.pk}").status_code == 200
        assert as_role("staff").get(f"/api/attachments/{file.pk}").status_code == 404


def test_doctor_turned_manager_cannot_edit_draft(doctor, write, as_role, chart):
    note = write(finalised=True)
    draft = write()
    with practice_scope(note.practice_id):
        User.objects.filter(pk=doctor.user.pk).update(role="admin")

    assert save(doctor, draft, plan="Ice").status_code == 403
    assert amend(as_role("doctor"), note, plan="Ice").status_code == 200  # for the author can no more


def test_colleague_cannot_amend_while_author_can(as_role, write):
    note = write(finalised=True)
    colleague = as_role("doctor")

    refused = amend(colleague, note, plan="Ice")
    assert (refused.status_code, "current" in refused.json()) == (403, False)
    update_user(user=note.doctor, by=as_role("admin").user, is_active=False)
    assert amend(colleague, note, plan="Ice").status_code == 200


# --- Restricted charts


def test_restricted_chart_notes_are_forbidden(as_role, write, chart):
    note, draft = write(finalised=True), write()
    restrict(chart)
    colleague = as_role("doctor")
    named = {"patientId": str(chart.pk)}
    closed = [
        colleague.get(address(note)),
        colleague.get(address(note, "/versions")),
        colleague.get(address(note, "/versions/1")),
        amend(colleague, note, plan="Ice"),
        colleague.get("/api/sessions", named),
        colleague.get("/api/sessions/last-finalised", named),
        colleague.post("/api/sessions/search", {**named, "query": "lumbar"}, JSON),
        colleague.post("/api/sessions", named, JSON),
    ]
    assert [answer.status_code for answer in closed] == [403] * len(closed)
    assert all("In an emergency" in answer.json()["detail"] for answer in closed)
    assert colleague.get(address(draft)).status_code == 404  # a draft is not theirs whatever the chart is
    assert colleague.get("/api/sessions").json() == {"sessions": [], "total": 0, "page": 1, "limit": 10}


def test_author_edits_in_restricted_chart_only_with_access(doctor, write, chart):
    draft = write()
    restrict(chart)
    assert save(doctor, draft, plan="Ice").status_code == 403
    assert doctor.post(address(draft, "/finalise"), {"version": 1}, JSON).status_code == 403

    with practice_scope(chart.practice_id):
        Patient.objects.filter(pk=chart.pk).update(primary_doctor=doctor.user)

    assert save(doctor, draft, plan="Ice").status_code == 200


def test_emergency_access_is_logged(as_role, write, chart, earlier_events):
    note = write(finalised=True)
    restrict(chart)
    colleague = as_role("doctor")
    opened = colleague.post(f"/api/patients/{chart.pk}/emergency-access", {"reason": "Unconscious"}, JSON)
    access = opened.json()["id"]
    named = {"patientId": str(chart.pk)}
    update_user(user=note.doctor, by=as_role("admin").user, is_active=False)

    calls = {
        "note.read": lambda: colleague.get(address(note)),
        "version.read": lambda: colleague.get(address(note, "/versions/1")),
        "note.listed": lambda: colleague.get("/api/sessions", named),
        "note.searched": lambda: colleague.post("/api/sessions/search", {**named, "query": "fracture"}, JSON),
        "data.amended": lambda: amend(colleague, note, plan="Ice"),
        "data.created": lambda: colleague.post("/api/sessions", named, JSON),
    }
    for kind, call in calls.items():
        before = set(whole_trail().values_list("pk", flat=True))
        assert call().status_code in (200, 201), kind
        details = [orjson.loads(event.details) for event in events_since(before) if event.kind == kind]
        assert [access] in [one.get("emergency") for one in details], kind


# --- Audit events and logs


def test_search_words_are_not_logged(doctor, write, chart, caplog):
    write(finalised=True, subjective="Zwqpain since the fall")
    caplog.set_level(logging.DEBUG)
    before = set(whole_trail().values_list("pk", flat=True))

    answer = doctor.post("/api/sessions/search", {"patientId": str(chart.pk), "query": "zwqpain"}, JSON)

    assert answer.json()["total"] == 1
    (event,) = events_since(before)
    assert (event.kind, event.about) == ("note.searched", "records.SessionNote")
    assert orjson.loads(event.patients) == [str(chart.pk)]
    assert orjson.loads(event.details) == {"hits": 1, "page": 1, "limit": 10}
    assert caplog.records and "zwqpain" not in caplog.text.lower()
    assert "zwqpain" not in repr([vars(record) for record in caplog.records]).lower()


def test_changes_are_logged_by_field_names(doctor, write, chart, earlier_events):
    begun = doctor.post("/api/sessions", {"patientId": str(chart.pk), "plan": "Zwqtext"}, JSON).json()
    at = f"/api/sessions/{begun['id']}"
    doctor.patch(at, {"version": 1, "plan": "Zwqtext more"}, JSON)
    doctor.post(f"{at}/finalise", {"version": 2}, JSON)
    doctor.post(f"{at}/amendments", {"version": 3, "reason": "Zwqreason", "plan": "Zwqother"}, JSON)

    events = [event for event in events_since(earlier_events) if event.kind.startswith(("data.", "note."))]
    assert {event.about for event in events} >= {"records.SessionNote"}
    notes = [event for event in events if event.about == "records.SessionNote"]
    assert [event.kind for event in notes] == [
        "data.created",
        "data.changed",
        "data.changed",
        "note.finalised",
        "data.changed",
        "data.amended",
    ]
    assert orjson.loads(notes[1].details)["fields"] == ["plan", "version"]
    assert orjson.loads(notes[5].details) == {"fields": ["plan"]}
    for event in events_since(earlier_events):
        assert "wq" not in event.details
    for event in notes:
        assert (event.about_id, orjson.loads(event.patients)) == (
            events_since(earlier_events)[-1].about_id,
            [str(chart.pk)],
        )


def test_saving_note_logs_no_appointment_change(doctor, write, chart, practice, earlier_events):
    with practice_scope(practice.pk):
        booked = AppointmentFactory(patient=chart, doctor=doctor.user)
    before = set(whole_trail().values_list("pk", flat=True))

    assert save(doctor, write(), appointmentId=str(booked.pk)).status_code == 200

    changed = [event for event in events_since(before) if event.kind == "data.changed"]
    assert [event.about for event in changed] == ["records.SessionNote"]
    assert "appointment" in orjson.loads(changed[0].details)["fields"]


# --- What cannot be decrypted


def test_damaged_note_is_marked_and_not_overwritten(doctor, write, chart):
    whole, damaged = write(finalised=True), write()
    lose_key(damaged, "subjective")
    kept = stored(damaged, "subjective")

    rows = doctor.get("/api/sessions", {"patientId": str(chart.pk)}).json()["sessions"]
    assert {row["id"] for row in rows} == {str(whole.pk), str(damaged.pk)}
    assert "[cannot be decrypted" in doctor.get(address(damaged)).json()["subjective"]
    assert save(doctor, damaged, plan="Ice").status_code == 200
    assert save(doctor, reload(damaged), subjective="Anew").status_code == 503
    assert doctor.post(address(damaged, "/finalise"), {"version": 2}, JSON).status_code == 503
    assert (stored(damaged, "subjective"), reload(damaged).plan) == (kept, "Ice")


def test_search_includes_undecryptable_notes(doctor, write, chart):
    damaged = write(finalised=True, subjective="Knee")
    write(finalised=True, subjective="Knee", assessment="Effusion")
    lose_key(damaged, "assessment")

    found = doctor.post("/api/sessions/search", {"patientId": str(chart.pk), "query": "fracture"}, JSON).json()

    assert [hit["id"] for hit in found["sessions"]] == [str(damaged.pk)]
    assert found["sessions"][0]["sections"] == ["assessment"]


def test_damaged_version_is_marked(doctor, write):
    note = write(finalised=True)
    assert amend(doctor, note, plan="Ice").status_code == 200
    assert amend(doctor, reload(note), plan="Heat").status_code == 200
    with practice_scope(note.practice_id):
        lose_key(NoteVersion.objects.get(number=2), "content")

    listed = doctor.get(address(note, "/versions")).json()["versions"]
    assert [one["changed"] for one in listed] == [[], ["unreadable"], ["unreadable"]]
    assert "unreadable" in doctor.get(address(note, "/versions/2")).json()["content"]
    three = doctor.get(address(note, "/versions/3")).json()
    assert (three["content"]["plan"], set(three["changes"])) == ("Heat", {"unreadable"})
    assert set(doctor.get(address(note, "/versions/3?against=1")).json()["changes"]) == {"plan"}


# --- Versions stay


def test_field_missing_in_old_version_is_no_change(doctor, write):
    note = write(finalised=True)
    with practice_scope(note.practice_id):
        kept = note.versions.get()
        older = {name: value for name, value in kept.content.items() if name not in ("date", "appointmentId", "planId")}
        note.versions.all().delete()
        note.versions.create(number=1, author=note.doctor, content=older)

    assert amend(doctor, note, plan="Ice").status_code == 200

    (first, second) = doctor.get(address(note, "/versions")).json()["versions"]
    assert (first["changed"], second["changed"]) == ([], ["plan"])


def test_version_cannot_be_changed(write, practice):
    note = write(finalised=True)
    with practice_scope(practice.pk):
        version = NoteVersion.objects.get(note=note)
        version.content = {}
        with pytest.raises(FieldError):
            version.save()
        with pytest.raises(FieldError):
            NoteVersion.objects.filter(pk=version.pk).update(content={})
        assert NoteVersion.objects.get(pk=version.pk).content["plan"] == note.plan


def test_version_moved_to_other_note_is_unreadable(doctor, write):
    """A ciphertext is bound to its row and column, and is not decrypted anywhere else."""
    note = write(finalised=True)
    with practice_scope(note.practice_id):
        version = NoteVersion.objects.get(note=note)
    store(version, "content", stored(note, "plan"))

    assert "unreadable" in doctor.get(address(note, "/versions/1")).json()["content"]


# --- Time


def test_dates_without_offset_are_practice_time(doctor, chart):
    body = {"patientId": str(chart.pk), "date": "2026-11-02T23:30:00"}
    made = doctor.post("/api/sessions", body, JSON).json()
    assert made["date"] == "2026-11-03T04:30:00Z"  # New York

    def listed(**span):
        return doctor.get("/api/sessions", span).json()["total"]

    assert listed(**{"from": "2026-11-02", "to": "2026-11-02"}) == 1
    assert listed(**{"from": "2026-11-03"}) == 0
    skipped = doctor.post("/api/sessions", {**body, "date": "2026-03-08T02:30:00"}, JSON)
    assert (skipped.status_code, set(skipped.json()["errors"])) == (400, {"date"})
    saved = doctor.patch(f"/api/sessions/{made['id']}", {"version": 1, "date": "2026-07-01T01:30:00+02:00"}, JSON)
    assert saved.json()["date"] == "2026-06-30T23:30:00Z"
