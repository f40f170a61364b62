"""Whatever two desks say of one visit, in whatever order and with what they have read last or before: the visit is as
a simple model says, its history tells each change, and a client that asks for changes knows the latest. Over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from appointments.tests.factories import AppointmentFactory
from appointments.tests.test_visit_changes import Feed
from appointments.tests.visit_clinic import JSON
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.sampling import examples

DESKS = st.sampled_from([0, 1])
FACT = {"arrive": "arrived", "start": "started", "finish": "finished", "no-show": "no_show", "cancel": "cancelled"}
IN_ORDER = ("cancelled", "finished", "no_show", "started", "arrived")  # of what is so, the first counts
REFUSED_AFTER = {  # what may not follow, beside a cancellation
    "arrive": {"started", "finished"},
    "start": {"finished"},
    "finish": set(),
    "no-show": {"arrived", "started", "finished"},
    "cancel": set(),
}


class Visit(RuleBasedStateMachine):
    def __init__(self, practice, doctor, clients):
        super().__init__()
        self.practice, self.doctor, self.clients = practice, doctor, clients

    @initialize()
    def a_visit_that_has_begun(self):
        start = timezone.now() - timedelta(minutes=20)
        with practice_scope(self.practice.pk):
            visit = AppointmentFactory(
                patient=PatientFactory(), doctor=self.doctor, starts_at=start, ends_at=start + timedelta(minutes=30)
            )
        self.path, self.id, self.facts, self.version = f"/api/appointments/{visit.pk}", str(visit.pk), set(), 1
        self.feed = Feed(self.clients[0], updatedSince=timezone.now().isoformat(), limit=100)

    def state(self):
        return next((fact for fact in IN_ORDER if fact in self.facts), "booked")

    def teardown(self):
        if hasattr(self, "id"):
            with practice_scope(self.practice.pk):
                self.doctor.appointments.all().delete()

    def read(self, desk, stale):
        """Read the visit, and return the If-Match of what was read, or of the version before it."""
        assert self.clients[desk].get(self.path)["ETag"] == f'"{self.version}"'
        return {"If-Match": f'"{self.version - stale}"'} if self.version - stale else {}

    @rule(desk=DESKS, action=st.sampled_from(sorted(FACT)), stale=st.booleans())
    def say(self, desk, action, stale):
        client, headers = self.clients[desk], self.read(desk, stale)
        if action == "cancel":
            answer = client.patch(self.path, {"status": "cancelled"}, JSON, headers=headers)
        else:
            answer = client.post(f"{self.path}/{action}", headers=headers)
        is_so = FACT[action] in self.facts and ("cancelled" not in self.facts or action == "cancel")
        is_stale = stale and bool(headers)
        if is_so and not (action == "cancel" and is_stale):  # a PATCH says which version it changes
            self.answered(answer, 200)
            return
        refused = is_stale or self.state() == "cancelled" or self.state() in REFUSED_AFTER[action]
        if self.answered(answer, 409 if refused else 200):
            self.facts |= {FACT[action]}
            self.facts -= {"no_show"} if action in ("arrive", "start", "finish") else set()
            self.version += 1

    @rule(desk=DESKS, stale=st.booleans())
    def undo(self, desk, stale):
        headers = self.read(desk, stale)
        answer = self.clients[desk].post(f"{self.path}/undo", headers=headers)
        refused = (stale and bool(headers)) or not self.facts
        if self.answered(answer, 409 if refused else 200):
            self.facts -= {self.state()}
            self.version += 1

    @rule(desk=DESKS)
    def reopen(self, desk):
        self.read(desk, stale=False)
        self.answered(self.clients[desk].patch(self.path, {"status": "scheduled"}, JSON), 200)
        if self.facts & {"finished", "cancelled"}:
            self.facts -= {"finished", "cancelled"}
            self.version += 1

    def answered(self, answer, expected):
        assert answer.status_code == expected, (sorted(self.facts), answer.content)
        return expected == 200

    @invariant()
    def visit_history_and_changes_are_as_the_model_says(self):
        if not hasattr(self, "id"):
            return
        shown = self.clients[1].get(self.path).json()
        found = {fact for fact in IN_ORDER if fact.replace("_s", "S") + "At" in shown}
        status = {"cancelled": "cancelled", "finished": "completed"}.get(self.state(), "scheduled")
        assert (found, shown["status"], shown["version"]) == (self.facts, status, self.version)
        assert self.clients[1].get(f"{self.path}/history").json()["total"] == self.version - 1
        self.feed.ask()
        assert self.feed.known[self.id] == shown


@pytest.mark.slow  # a state machine over HTTP
def test_whatever_two_desks_say_of_a_visit(practice, as_role, make_user, settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.POLLS_PER_MINUTE = 1_000_000
    clients = [as_role("staff"), as_role("admin")]
    doctor = make_user("doctor")
    run_state_machine_as_test(
        lambda: Visit(practice, doctor, clients),
        settings=hypothesis_settings(
            max_examples=examples(60, 5),
            stateful_step_count=examples(30, 12),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
