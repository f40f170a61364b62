"""Whatever two doctors and an office manager do to notes in whatever order, with what they have read last or long ago:
no text that was accepted is lost, and no version that was kept ever changes. Through HTTP alone."""

from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.tenancy.scope import practice_scope
from core.texts import has_visible
from patients.tests.factories import PatientFactory
from tests.sampling import examples

SECTIONS = ("subjective", "objective", "assessment", "plan")
TEXTS = st.sampled_from(["", " ", "Rest", "Ice", "Heat\n"]) | st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12
)
EDITS = st.dictionaries(st.sampled_from(SECTIONS), TEXTS, min_size=1, max_size=4)
LAG = st.sampled_from([0, 0, 0, 0, 1, -1])  # how many saves ago the note was read; -1: one that is yet to come


@dataclass
class Note:
    """The model of a note: `kept` are its versions' sections, oldest first."""

    id: str
    author: int
    sections: dict[str, str]
    version: int = 1
    status: str = "draft"
    kept: list[dict[str, str]] = field(default_factory=list)
    deleted_by: int | None = None

    @property
    def says_something(self):
        return any(map(has_visible, self.sections.values()))


MANAGER = 2  # beside the doctors 0 and 1
MOST_NOTES = 4
AUTHOR, COLLEAGUE = "author", "colleague"


class Notes(RuleBasedStateMachine):
    notes = Bundle("notes")

    def __init__(self, practice, clients, committing):
        super().__init__()
        self.practice, self.clients, self.committing = practice, clients, committing
        self.all: list[Note] = []
        self.touched: Note | None = None

    def ask(self, who, method, path, body=None):
        with self.committing(execute=True):
            return self.clients[who].generic(
                method, f"/api/sessions{path}", orjson.dumps(body or {}), content_type="application/json"
            )

    def answered(self, rule_name, answer, expected):
        assert answer.status_code == expected, (rule_name, answer.status_code, expected, answer.content)
        return expected in (200, 201)

    def sees(self, who, note):
        return note.deleted_by is None and (note.status != "draft" or who == note.author)

    @initialize(target=notes, sections=EDITS)
    def a_chart_with_a_finalised_note_and_a_draft(self, sections):
        with practice_scope(self.practice.pk):
            self.patient = PatientFactory()
        note = self.begin_one(0, {**sections, "plan": "Rest"})
        self.finalise(note, AUTHOR, 0)
        return multiple(note, self.begin_one(1, sections))

    @precondition(lambda self: len(self.all) < MOST_NOTES)
    @rule(target=notes, who=st.sampled_from([0, 1]), sections=EDITS)
    def begin(self, who, sections):
        return self.begin_one(who, sections)

    def begin_one(self, who, sections):
        answer = self.ask(who, "POST", "", {"patientId": str(self.patient.pk), **sections})
        self.answered("begin", answer, 201)
        note = Note(answer.json()["id"], who, {**dict.fromkeys(SECTIONS, ""), **sections})
        self.all.append(note)
        self.touched = note
        return note

    @rule(note=notes, who=st.sampled_from([AUTHOR, AUTHOR, COLLEAGUE]), lag=LAG, sections=EDITS)
    def autosave(self, note, who, lag, sections):
        self.touched, who = note, self.doctor(note, who)
        answer = self.ask(who, "PATCH", f"/{note.id}", {"version": max(note.version - lag, 1), **sections})
        if self.answered("autosave", answer, self.of_a_draft(note, who, lag)):
            note.sections |= sections
            note.version += 1
        elif answer.status_code == 409:
            self.is_shown_as_it_is(answer, note)

    @rule(note=notes, who=st.sampled_from([AUTHOR, AUTHOR, COLLEAGUE]), lag=LAG)
    def finalise(self, note, who, lag):
        self.touched, who = note, self.doctor(note, who)
        answer = self.ask(who, "POST", f"/{note.id}/finalise", {"version": max(note.version - lag, 1)})
        expected = self.of_a_draft(note, who, lag)
        if expected == 200 and not note.says_something:
            expected = 400
        if self.answered("finalise", answer, expected):
            note.status, note.version = "finalised", note.version + 1
            note.kept.append(dict(note.sections))
        elif answer.status_code == 409:
            self.is_shown_as_it_is(answer, note)

    @rule(note=notes, who=st.sampled_from([AUTHOR, AUTHOR, COLLEAGUE]), lag=LAG, sections=EDITS)
    def amend(self, note, who, lag, sections):
        self.touched, who = note, self.doctor(note, who)
        body = {"version": max(note.version - lag, 1), "reason": "Left out", **sections}
        answer = self.ask(who, "POST", f"/{note.id}/amendments", body)
        would_say = {**note.sections, **sections}
        if not self.sees(who, note):
            expected = 404
        elif note.status == "draft":
            expected = 409
        elif who != note.author:
            expected = 403
        elif self.is_stale(note, lag):
            expected = 409
        elif would_say == note.sections or not any(map(has_visible, would_say.values())):
            expected = 400
        else:
            expected = 200
        if self.answered("amend", answer, expected):
            note.sections, note.status, note.version = would_say, "amended", note.version + 1
            note.kept.append(dict(would_say))
        elif answer.status_code == 409 and note.status != "draft":
            self.is_shown_as_it_is(answer, note)

    @precondition(lambda self: not any(note.deleted_by is not None for note in self.all))  # one at a time
    @rule(note=notes, who=st.sampled_from([0, 1, MANAGER, MANAGER]))
    def delete(self, note, who):
        self.touched = note
        answer = self.ask(who, "DELETE", f"/{note.id}", {"reason": "Wrong patient"})
        if not self.sees(who, note):
            expected = 404
        elif who == MANAGER or note.status == "draft":
            expected = 200
        else:
            expected = 403
        if self.answered("delete", answer, expected):
            note.deleted_by = who

    @rule(note=notes, who=st.sampled_from([0, 1, MANAGER]))
    def restore(self, note, who):
        self.touched = note
        answer = self.ask(who, "POST", f"/{note.id}/restore")
        if note.deleted_by is None:
            expected = 409 if self.sees(who, note) else 404
        else:
            expected = 200 if who in (MANAGER, note.deleted_by) else 404
        if self.answered("restore", answer, expected):
            note.deleted_by = None

    def doctor(self, note, who):
        return note.author if who == AUTHOR else 1 - note.author

    def is_stale(self, note, lag):
        return max(note.version - lag, 1) != note.version

    def of_a_draft(self, note, who, lag):
        if not self.sees(who, note):
            return 404
        if who != note.author:
            return 403
        return 409 if note.status != "draft" or self.is_stale(note, lag) else 200

    def is_shown_as_it_is(self, answer, note):
        current = answer.json()["current"]
        assert ({name: current[name] for name in SECTIONS}, current["version"]) == (note.sections, note.version)

    @invariant()
    def what_was_accepted_last_is_what_is_read(self):
        if self.touched is not None:
            self.holds(self.touched)

    def holds(self, note):
        read = self.ask(note.author, "GET", f"/{note.id}")
        if note.deleted_by is not None:
            assert read.status_code == 404
            return
        found = read.json()
        assert {name: found[name] for name in SECTIONS} == note.sections
        assert (found["version"], found["status"]) == (note.version, note.status)
        listed = self.ask(note.author, "GET", f"/{note.id}/versions").json()
        assert [one["number"] for one in listed["versions"]] == list(range(1, len(note.kept) + 1))
        for number, sections in enumerate(note.kept, 1):
            content = self.ask(note.author, "GET", f"/{note.id}/versions/{number}").json()["content"]
            assert {name: content[name] for name in SECTIONS} == sections

    def teardown(self):
        for note in self.all:
            self.holds(note)
            if note.deleted_by is not None:  # nothing was lost by that either
                assert self.ask(MANAGER, "POST", f"/{note.id}/restore").status_code == 200
                note.deleted_by = None
                self.holds(note)


@pytest.mark.slow  # a story of many requests
def test_no_accepted_text_is_lost(practice, as_role, django_capture_on_commit_callbacks, settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.AUTOSAVES_PER_MINUTE = 1_000_000
    clients = [as_role("doctor"), as_role("doctor"), as_role("admin")]

    run_state_machine_as_test(
        lambda: Notes(practice, clients, django_capture_on_commit_callbacks),
        settings=hypothesis_settings(
            max_examples=examples(12, 2), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
