"""A worker of threads, in this process: it shares the work with another, and stops when told to."""

import threading
import time

import pytest

from core.tenancy.scope import installation_scope
from notifications.jobs import enqueue, registry, stopping
from notifications.jobs.worker import Worker
from notifications.models import Job, JobState
from notifications.tests.kinds import made_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
JOBS = 24


@pytest.fixture
def no_schedule(monkeypatch):
    monkeypatch.setattr("notifications.jobs.schedule.RHYTHMS", {})


def start(stop, **options):
    worker = Worker(stop, threads=2, poll=0.02, **options)
    thread = threading.Thread(target=worker.run)
    thread.start()
    return thread


def wait_until(done):
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_workers_share_the_work_and_do_each_job_once(transactional_db, no_schedule):
    ran, stop = [], threading.Event()
    with made_up(lambda number: ran.append((number, threading.get_ident()))), installation_scope():
        for number in range(JOBS):
            enqueue("test.job", payload={"number": number})
        workers = [start(stop), start(stop)]
        wait_until(lambda: len(ran) >= JOBS)
        stop.set()
        for worker in workers:
            worker.join()
        assert sorted(number for number, _ in ran) == list(range(JOBS))
        assert len({thread for _, thread in ran}) > 1
        assert Job.objects.filter(state=JobState.DONE).count() == JOBS


def test_stop_lets_the_job_in_progress_end_and_begins_no_other(transactional_db, no_schedule):
    began, stop, told = threading.Semaphore(0), threading.Event(), []

    def long(number):
        began.release()
        stop.wait(60)
        told.append(stopping())

    with made_up(long), installation_scope():
        for number in range(5):
            enqueue("test.job", payload={"number": number})
        worker = start(stop)
        began.acquire(timeout=60)
        began.acquire(timeout=60)
        stop.set()
        worker.join()
        assert told == [True, True]
        assert Job.objects.filter(state=JobState.DONE).count() == 2
        assert Job.objects.filter(state=JobState.WAITING).count() == 3


def test_worker_ends_with_what_started_it(transactional_db, no_schedule):
    stop = threading.Event()
    start(stop, is_orphan=lambda: True).join(60)
    assert stop.is_set()


def test_long_job_keeps_its_lease(transactional_db, no_schedule):
    """Its worker renews it, so that another one does not begin it again."""
    from datetime import timedelta

    runs, stop, go_on = [], threading.Event(), threading.Event()

    def long():
        runs.append(1)
        go_on.wait(60)

    lease = timedelta(seconds=2)
    with made_up(long), installation_scope():
        job = enqueue("test.job", payload={})
        workers = [start(stop, lease=lease), start(stop, lease=lease)]
        wait_until(lambda: runs)
        first = Job.objects.get(pk=job.pk).claimed_until
        wait_until(lambda: Job.objects.get(pk=job.pk).claimed_until > first)
        go_on.set()
        wait_until(lambda: Job.objects.get(pk=job.pk).state == JobState.DONE)
        stop.set()
        for worker in workers:
            worker.join()
        assert (runs, Job.objects.get(pk=job.pk).lost) == ([1], 0)
    assert registry.KINDS
