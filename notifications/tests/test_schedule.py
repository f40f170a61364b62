"""The schedule: each tick once, whoever is there; what was missed once; and how late the worker is."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from threading import Event
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from core.tenancy.scope import installation_scope
from notifications.jobs import enqueue, leases, registry, run_due, running, schedule, scheduled, status, tick
from notifications.jobs.registry import RHYTHMS, Rhythm
from notifications.messages.jobs import send_one
from notifications.models import Job, JobState, Schedule

NOW = datetime(2031, 5, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def every_minute(db, monkeypatch):
    """The only entry of the schedule, which counts its runs."""
    monkeypatch.setattr(registry, "KINDS", {})
    monkeypatch.setattr("notifications.jobs.running.KINDS", registry.KINDS)
    monkeypatch.setattr("notifications.jobs.services.KINDS", registry.KINDS)
    runs = []
    before = dict(RHYTHMS)
    RHYTHMS.clear()
    scheduled("test.minute", every=MINUTE)(lambda: runs.append(1))
    schedule.write_table(NOW)
    yield runs
    RHYTHMS.clear()
    RHYTHMS.update(before)


def test_tick_runs_once_though_two_workers_look(every_minute):
    assert tick(NOW) == ["test.minute"]
    assert tick(NOW) == []
    run_due(now=NOW)
    assert every_minute == [1]
    row = Schedule.objects.get(name="test.minute")
    assert (row.last_run_at, row.next_run_at) == (NOW, NOW + MINUTE)


def test_what_was_missed_runs_once(every_minute):
    later = NOW + timedelta(hours=5)
    assert tick(later) == ["test.minute"]
    assert tick(later) == []
    assert Schedule.objects.get().next_run_at == later + MINUTE


def test_run_that_goes_on_is_not_joined_by_another(every_minute):
    tick(NOW)
    going_on = leases.claim(NOW)
    tick(NOW + MINUTE)
    assert leases.claim(NOW + MINUTE) is None
    leases.end(going_on, JobState.DONE, NOW + MINUTE)
    tick(NOW + 2 * MINUTE)
    assert leases.claim(NOW + 2 * MINUTE).pk != going_on.pk
    with installation_scope():
        assert Job.objects.count() == 1, "the run before is no longer kept"


def test_daily_runs_at_its_time_of_day():
    nightly = Rhythm(daily_at=time(1, 40))
    assert nightly.first(NOW) == datetime(2031, 5, 6, 1, 40, tzinfo=UTC)
    assert nightly.after(datetime(2031, 5, 6, 1, 39, tzinfo=UTC)) == datetime(2031, 5, 6, 1, 40, tzinfo=UTC)
    assert nightly.after(datetime(2031, 5, 6, 1, 40, tzinfo=UTC)) == datetime(2031, 5, 7, 1, 40, tzinfo=UTC)


def test_table_follows_the_code(every_minute):
    Schedule.objects.create(name="test.gone", next_run_at=NOW)
    Schedule.objects.filter(name="test.minute").update(next_run_at=NOW + timedelta(days=1))  # it was a daily one
    schedule.write_table(NOW)
    assert list(Schedule.objects.values_list("name", "next_run_at")) == [("test.minute", NOW + MINUTE)]


def test_lateness_is_that_of_the_schedule_and_of_the_queue(every_minute):
    assert status.lateness(NOW).seconds == 0
    assert status.lateness(NOW + 10 * MINUTE).is_late
    tick(NOW)
    assert status.lateness(NOW + 2 * MINUTE).seconds == 120
    assert not status.lateness(NOW + 2 * MINUTE).is_late
    Schedule.objects.all().delete()
    assert status.lateness(NOW).seconds is None


def test_health_says_how_late(every_minute, client):
    answer = client.get("/api/health/worker")  # the table is of 2031: nothing is due today
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "lateSeconds": 0})
    Schedule.objects.all().delete()
    answer = client.get("/api/health/worker")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "lateSeconds": None})


def test_once_runs_what_is_due_and_tells_of_failures(every_minute, capsys):
    Schedule.objects.update(next_run_at=datetime(2020, 1, 1, tzinfo=UTC))
    call_command("worker", once=True)
    assert every_minute == [1]
    assert "1 job run, 0 of them without success." in capsys.readouterr().out

    scheduled("test.broken", every=MINUTE)(lambda: 1 / 0)
    with pytest.raises(CommandError, match="Some jobs failed"):
        call_command("worker", once=True)
    call_command("worker", status=True)
    shown = capsys.readouterr().out
    assert "failed: ZeroDivisionError" in shown
    assert "test.minute" in shown


def test_status_fails_where_no_worker_runs(every_minute):
    Schedule.objects.update(next_run_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(CommandError, match="late"):
        call_command("worker", status=True)


def test_old_jobs_are_removed(db):
    with installation_scope():
        ended = datetime(2020, 1, 1, tzinfo=UTC)
        for state in (JobState.DONE, JobState.FAILED):
            Job.objects.create(name="jobs.remove_old", state=state, finished_at=ended)
        waiting = Job.objects.create(name="jobs.remove_old", run_at=ended)
        registry.KINDS["jobs.remove_old"].function()
        assert list(Job.objects.all()) == [waiting]


def test_everything_that_was_a_timer_is_scheduled_and_runs(practice, make_user, db):
    make_user("doctor")  # an event to seal
    with installation_scope():
        schedule.write_table()
        Schedule.objects.update(next_run_at=datetime(2020, 1, 1, tzinfo=UTC))
        names = {"audit.seal", "files.scan", "files.reconcile", "deleted.purge", "imports.remove_old"}
        assert names | {"holds.remove_expired", "sessions.clear", "jobs.remove_old"} <= set(tick())
    ran = {job.name: (job.state, job.last_error) for job in run_due()}
    assert {ran[name] for name in names} == {(JobState.DONE, "")}


def test_worker_has_a_lower_priority_than_pages(monkeypatch):
    nice = [0]
    monkeypatch.setattr("os.nice", lambda more: nice.append(nice[-1] + more) or nice[-1])
    monkeypatch.setattr("notifications.management.commands.worker.set_on_termination", Event)
    monkeypatch.setattr("notifications.jobs.worker.Worker.run", lambda worker: 0)
    for _ in range(2):
        call_command("worker", verbosity=0)
    assert nice[-1] == 5


@pytest.fixture
def clock(monkeypatch):
    """What a thread has computed, in milliseconds, and how long it rested."""
    state = SimpleNamespace(computed=0.0, rests=[])
    monkeypatch.setattr("time.thread_time", lambda: state.computed / 1000)
    stop = SimpleNamespace(is_set=lambda: False, wait=lambda seconds: state.rests.append(round(seconds * 1000, 3)))
    monkeypatch.setattr(running, "_stop", stop)
    return state


def test_job_that_may_take_a_share_of_a_core_rests_after_each_slice(practice, clock, monkeypatch):
    def compute(*slices):
        for milliseconds in slices:
            clock.computed += milliseconds
            running.rest()

    whole, quarter = (replace(registry.KINDS["jobs.remove_old"], share=share) for share in (1, 0.25))
    compute(10)
    with running._at_pace(whole):
        compute(10)
    assert clock.rests == []
    with running._at_pace(quarter):
        compute(1, 1.5, 0.5, 4)
        assert clock.rests == [2.5 * 3, 4.5 * 3]
        with running._at_pace(quarter):
            compute(2)
    assert clock.rests[2:] == [2 * 7], "two at once have their shares in turn"


def test_urgent_job_that_waits_is_seen_by_one_long_job_a_second(practice, scope, monkeypatch):
    times = iter([10, 12, 12.5, 13])
    monkeypatch.setattr(running, "monotonic", lambda: next(times))
    monkeypatch.setattr(running, "_next_look", 0)

    def waiting_for(seconds):
        Job.all_practices.update(run_at=timezone.now() - timedelta(seconds=seconds))
        return running.somebody_waits()

    enqueue(send_one, payload={"message_id": practice.pk})
    assert [waiting_for(seconds) for seconds in (1, 5, 5, 5)] == [False, True, False, True]
