"""Jobs: written with what causes them, run in the practice's scope, tried again, ended with their error."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction

from core.errors import Conflict
from core.tenancy.scope import ScopeError, installation_scope, open_scope, practice_scope
from notifications.jobs import (
    Again,
    GiveUp,
    Uncertain,
    cancel,
    enqueue,
    enqueue_many,
    leases,
    point_of_no_return,
    run_again,
    run_due,
)
from notifications.jobs.services import Planned
from notifications.models import Job, JobState
from notifications.tests.kinds import made_up

NOW = datetime(2031, 5, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def work():
    """A job whose behaviour a test sets: `work.raises` are what its calls raise, in this order."""
    made = SimpleNamespace(calls=[], scopes=[], raises=[], passes_return=False, failed=[], uncertain=[])

    def do(**payload):
        made.calls.append(payload)
        made.scopes.append(open_scope())
        if made.passes_return:
            point_of_no_return()
        error = made.raises.pop(0) if made.raises else None
        if error:
            raise error

    made.do = do
    hooks = {
        "on_failed": lambda **ids: made.failed.append(ids),
        "on_uncertain": lambda **ids: made.uncertain.append(ids),
    }
    with made_up(do, max_attempts=3, **hooks):
        yield made


def stored(job):
    with installation_scope():
        return Job.objects.get(pk=job.pk)


def test_job_runs_once_when_due_in_its_practices_scope(scope, work):
    later = enqueue(work.do, payload={"visit_id": scope.pk}, run_at=NOW + MINUTE)

    assert run_due(now=NOW) == []
    (ran,) = run_due(now=NOW + MINUTE)

    assert (ran.pk, ran.state, ran.practice_id) == (later.pk, JobState.DONE, scope.pk)
    assert work.calls == [{"visit_id": str(scope.pk)}]
    assert work.scopes == [scope.pk]
    assert run_due(now=NOW + 5 * MINUTE) == []


def test_job_without_practice_runs_in_installation_scope(db, work):
    with installation_scope():
        enqueue("test.job", payload={}, run_at=NOW)
    run_due(now=NOW)
    assert [scope.int for scope in work.scopes] == [0]


def test_job_of_undone_transaction_is_not_there(scope, work):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue(work.do, payload={}, run_at=NOW)
        raise ZeroDivisionError
    assert run_due(now=NOW) == []


def test_same_key_is_there_once_until_it_has_ended(scope, other_practice, work):
    first = enqueue(work.do, payload={"n": 1}, run_at=NOW, unique_key="visit 1")
    again = enqueue(work.do, payload={"n": 2}, run_at=NOW, unique_key="visit 1")
    enqueue_many(work.do, [Planned({"n": 3}, NOW, "visit 1"), Planned({"n": 4}, NOW, "visit 2")])
    with practice_scope(other_practice.pk):
        enqueue(work.do, payload={"n": 5}, run_at=NOW, unique_key="visit 1")

    assert again.pk == first.pk
    run_due(now=NOW)
    assert [call["n"] for call in work.calls] == [1, 4, 5]
    assert enqueue(work.do, payload={"n": 6}, run_at=NOW, unique_key="visit 1").pk != first.pk


def test_waiting_job_is_cancelled_by_its_key(scope, work):
    job = enqueue(work.do, payload={}, run_at=NOW, unique_key="visit 1")
    assert cancel(work.do, unique_key="visit 1") is True
    assert cancel(work.do, unique_key="visit 1") is False
    assert run_due(now=NOW) == []
    assert stored(job).state == JobState.CANCELLED


def test_payload_holds_ids_alone(scope, work, subtests):
    for value in ("Jane Roe", "jane@example.org", {"a": 1}, 1.5, "x" * 81, ["Jane Roe"]):
        with subtests.test(value=value), pytest.raises(ValueError, match="ids alone"):
            enqueue(work.do, payload={"value": value})


def test_other_practices_jobs_are_refused(scope, other_practice, work):
    with pytest.raises(ScopeError):
        enqueue(work.do, payload={}, practice=other_practice)
    with pytest.raises(LookupError):
        enqueue("no.such.job", payload={})


def test_failing_job_is_tried_later_and_later_and_ends_failed(scope, work):
    work.raises = [ValueError("Jane Roe"), ValueError("Jane Roe"), ValueError("Jane Roe")]
    job = enqueue(work.do, payload={"id": 7}, run_at=NOW)

    (first,) = run_due(now=NOW)
    assert (first.state, first.attempts, first.run_at) == (JobState.WAITING, 1, NOW + timedelta(seconds=15))
    (second,) = run_due(now=NOW + MINUTE)
    assert second.run_at == NOW + MINUTE + timedelta(seconds=30)
    run_due(now=NOW + 5 * MINUTE)

    ended = stored(job)
    assert (ended.state, ended.attempts, ended.finished_at) == (JobState.FAILED, 3, NOW + 5 * MINUTE)
    assert ended.last_error.startswith("ValueError (notifications/tests/test_jobs.py:")
    assert work.failed == [{"id": 7}]
    assert run_due(now=NOW + timedelta(days=2)) == []


def test_job_that_would_end_the_process_fails(scope, work):
    work.raises = [SystemExit(1)] * 3
    job = enqueue(work.do, payload={}, run_at=NOW)
    for hour in range(3):
        run_due(now=NOW + timedelta(hours=hour))
    assert stored(job).state == JobState.FAILED


def test_failed_job_can_be_run_again(scope, work, make_user):
    manager = make_user("admin")
    work.raises = [GiveUp("The address is not one.")]
    job = enqueue(work.do, payload={}, run_at=NOW, unique_key="once")
    run_due(now=NOW)
    assert stored(job).last_error == "The address is not one."

    run_again(by=manager, job=job)
    assert [ran.state for ran in run_due(now=NOW)] == [JobState.DONE]
    with pytest.raises(Conflict):
        run_again(by=manager, job=job)


def test_failed_job_is_not_run_again_beside_a_new_one(scope, work, make_user):
    work.raises = [GiveUp("no")]
    job = enqueue(work.do, payload={}, run_at=NOW, unique_key="once")
    run_due(now=NOW)
    enqueue(work.do, payload={}, run_at=NOW + MINUTE, unique_key="once")
    with pytest.raises(Conflict, match="on its way"):
        run_again(by=make_user("admin"), job=job)


def test_error_after_the_point_of_no_return_is_uncertain(scope, work):
    work.passes_return, work.raises = True, [TimeoutError()]
    job = enqueue(work.do, payload={"id": 7}, run_at=NOW)
    run_due(now=NOW)

    assert stored(job).state == JobState.UNCERTAIN
    assert work.uncertain == [{"id": 7}]
    assert run_due(now=NOW + timedelta(days=2)) == []


def test_job_that_knows_nothing_happened_is_repeated_all_the_same(scope, work):
    work.passes_return, work.raises = True, [Again("busy", after=timedelta(seconds=5))]
    enqueue(work.do, payload={}, run_at=NOW)
    (ran,) = run_due(now=NOW)
    assert (ran.state, ran.run_at, ran.past_return_at) == (JobState.WAITING, NOW + timedelta(seconds=5), None)
    assert [ran.state for ran in run_due(now=NOW + MINUTE)] == [JobState.DONE]


def test_job_may_say_that_it_is_uncertain(scope, work):
    work.raises = [Uncertain("No answer.")]
    enqueue(work.do, payload={}, run_at=NOW)
    assert [ran.state for ran in run_due(now=NOW)] == [JobState.UNCERTAIN]


def test_job_of_a_worker_that_died_is_taken_by_another(scope, work):
    job = enqueue(work.do, payload={}, run_at=NOW)
    leases.claim(NOW)

    assert run_due(now=NOW + leases.LEASE) == []
    assert [ran.state for ran in run_due(now=NOW + 2 * leases.LEASE)] == [JobState.DONE]
    assert (stored(job).lost, stored(job).attempts) == (1, 0)


def test_job_of_a_worker_that_died_past_the_return_is_uncertain(scope, work):
    job = enqueue(work.do, payload={"id": 7}, run_at=NOW)
    leases.pass_return(leases.claim(NOW), NOW)

    assert run_due(now=NOW + 2 * leases.LEASE) == []
    assert stored(job).state == JobState.UNCERTAIN
    assert work.uncertain == [{"id": 7}]


def test_job_that_kills_every_worker_ends(scope, work):
    job = enqueue(work.do, payload={}, run_at=NOW)
    for minute in range(leases.MAX_LOST):
        leases.claim(NOW + 3 * minute * MINUTE)
        run_due(limit=0, now=NOW + (3 * minute + 2) * MINUTE)
    assert stored(job).state == JobState.FAILED
    assert work.calls == []


def test_worker_that_lost_its_lease_writes_nothing(scope, work):
    job = enqueue(work.do, payload={}, run_at=NOW)
    slow = leases.claim(NOW)
    run_due(limit=0, now=NOW + 2 * MINUTE)
    leases.claim(NOW + 2 * MINUTE)

    for write in (leases.end, leases.give_back):
        with pytest.raises(leases.LeaseLost):
            write(slow, JobState.DONE if write is leases.end else NOW, NOW)
    with pytest.raises(leases.LeaseLost):
        leases.pass_return(slow, NOW)
    assert leases.renew([slow.claimed_by], NOW) == 0
    assert stored(job).state == JobState.RUNNING


def test_atomic_job_undoes_what_it_did_when_it_fails(scope, practice):
    def rename(fails):
        practice.name = "Renamed"
        practice.save()
        if fails:
            raise ZeroDivisionError

    with made_up(rename, atomic=True, max_attempts=1):
        enqueue(rename, payload={"fails": True}, run_at=NOW)
        run_due(now=NOW)
        practice.refresh_from_db()
        assert practice.name == "Demo Clinic"

        enqueue(rename, payload={"fails": False}, run_at=NOW)
        run_due(now=NOW)
        practice.refresh_from_db()
        assert practice.name == "Renamed"


def test_urgent_jobs_come_first(scope, work):
    enqueue(work.do, payload={"n": 1}, run_at=NOW - MINUTE)

    def hurry():
        work.calls.append("urgent")

    with made_up(hurry, name="test.urgent", urgent=True):
        enqueue(hurry, payload={}, run_at=NOW)
        run_due(now=NOW)
    assert work.calls == ["urgent", {"n": 1}]


def test_job_that_this_version_does_not_know_waits_for_one_that_does(scope, work):
    with made_up(lambda: None, name="test.newer"):
        job = enqueue("test.newer", payload={}, run_at=NOW)
    run_due(now=NOW)
    assert (stored(job).state, stored(job).run_at) == (JobState.WAITING, NOW + 5 * MINUTE)
