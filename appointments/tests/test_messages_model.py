"""Whatever is booked, moved, cancelled, opted out of, and wherever the worker dies: the ledger says what a plain model
says should have been sent."""

from datetime import datetime, time, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments import services
from appointments.models import Appointment
from appointments.tests.messages import NOW, VISIT, book
from appointments.visits.machine import Action
from notifications.messages import sending
from notifications.messages.settings import change_settings, say_preference
from notifications.models import Message, MessagePreference
from tests.sampling import examples

STEPS = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 3)),
    st.tuples(st.just("cancel"), st.just(0)),
    st.tuples(st.just("reopen"), st.just(0)),
    st.tuples(st.just("opt"), st.sampled_from(["email", "sms"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 4, 60, 60 * 24, 60 * 24 * 3])),
    st.tuples(st.just("die"), st.just(0)),
)
REMINDERS = {"email": timedelta(hours=72), "sms": timedelta(hours=24)}


class Killed(BaseException):
    pass


class Model:
    """What a patient should be told."""

    def __init__(self, now: datetime, moment: datetime) -> None:
        self.now, self.time, self.is_open, self.refused = now, moment, True, set()
        self.told: dict[str, datetime | str | None] = {"email": None, "sms": None}
        self.sent: list[tuple[str, str]] = []
        self.due: list[tuple[datetime, str, str, datetime | str]] = []
        self.reminded: set[tuple[str, datetime]] = set()
        self.plan()

    def state(self) -> datetime | str:
        return self.time if self.is_open else "cancelled"

    def plan(self) -> None:
        self.due = []
        if self.time <= self.now:
            return
        told, state = self.told["email"], self.state()
        if told in (None, "cancelled"):
            kind = "booked" if self.is_open else None
        elif self.is_open:
            kind = None if told == state else "moved"
        else:
            kind = "cancelled"
        if kind:
            self.due.append((self.now + timedelta(minutes=3), kind, "email", state))
        for channel, before in REMINDERS.items():
            if self.is_open and (channel, self.time) not in self.reminded and self.time - before > self.now:
                self.due.append((self.time - before, "reminder", channel, state))

    def work(self, *, dies: bool = False) -> None:
        """Send what is due; with `dies`, the worker dies in the middle of the first, which may have been sent."""
        ready = sorted(each for each in self.due if each[0] <= self.now)
        self.due = [each for each in self.due if each not in ready]
        for place, (_at, kind, channel, state) in enumerate(ready):
            if channel in self.refused or self.time <= self.now:
                continue
            self.sent.append((kind, channel))
            self.told[channel] = state
            if kind == "reminder":
                self.reminded.add((channel, state))
            if dies:
                self.due += ready[place + 1 :]
                return


@pytest.fixture
def calls(monkeypatch):
    state = SimpleNamespace(made=[], dies=False)

    def hand_over(ready):
        state.made.append((ready.message.kind, ready.message.channel))
        if state.dies:
            raise Killed
        return ""

    monkeypatch.setattr(sending, "_hand_over", hand_over)
    return state


def step(desk, at, calls, model, visit, what, value) -> None:
    by = {"by": desk.staff, "appointment_id": visit.pk}
    if what == "wait":
        model.now += timedelta(minutes=value)
        at(model.now)
        sending.send_due()
        model.work()
    elif what == "die":
        calls.dies = True
        try:
            sending.send_due()
        except Killed:
            pass
        calls.dies = False
        model.work(dies=True)
    elif what == "opt":
        say_preference(patient_id=desk.chart.pk, how="staff", channels=[value], wanted=value in model.refused)
        model.refused ^= {value}
    elif what == "move" and model.is_open:
        moment = VISIT + timedelta(days=value)
        if model.now < moment != model.time:
            services.change(**by, date=moment)
            model.time = moment
            model.plan()
    elif what == "cancel" and model.is_open:
        services.change(**by, status="cancelled")
        model.is_open = False
        model.plan()
    elif what == "reopen" and not model.is_open and model.time > model.now:
        services.act(**by, action=Action.REOPEN)
        model.is_open = True
        model.plan()


@settings(max_examples=examples(150, 12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
def test_ledger_is_what_a_plain_model_says(desk, at, calls, steps):
    Message.objects.all().delete()
    MessagePreference.objects.all().delete()
    Appointment.objects.filter(patient=desk.chart).update(status="cancelled")
    calls.made.clear()
    at(NOW)
    change_settings(by=desk.manager, quiet_from=time(0), quiet_until=time(0))  # none
    visit, model = book(desk), Model(NOW, VISIT)
    for what, value in steps:
        step(desk, at, calls, model, visit, what, value)
    assert sorted(calls.made) == sorted(model.sent)
    rows = Message.objects.filter(about_id=visit.pk)
    told = rows.filter(status__in=["sent", "sending"])
    assert sorted(told.values_list("kind", "channel")) == sorted(model.sent)
    waiting = rows.filter(status="planned").values_list("due_at", "kind", "channel")
    assert sorted(waiting) == sorted((due, kind, channel) for due, kind, channel, _state in model.due)
