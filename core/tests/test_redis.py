"""What happens when Redis is away: nothing waits long, nothing private opens, the trail of it is logged."""

import socket
import threading
import time

import pytest
import redis as redis_client

from core import redis, totals
from patients.models import Patient
from patients.tests.factories import PatientFactory

pytestmark = pytest.mark.redis


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


@pytest.fixture
def client_at(monkeypatch):
    def at(port):
        timeout = 0.15
        client = redis_client.Redis(port=port, socket_timeout=timeout, socket_connect_timeout=timeout, retry=None)
        monkeypatch.setattr(redis, "client", lambda: client)
        monkeypatch.setattr(redis, "_down_until", 0.0)

    return at


def test_after_one_failure_the_others_fail_at_once(client_at, silent_port, monkeypatch):
    client_at(silent_port)
    with pytest.raises(redis.RedisDown):
        redis.ask(lambda client: client.get("x"))
    asked = []
    for _ in range(5):
        with pytest.raises(redis.RedisDown):
            redis.ask(asked.append)
    assert asked == []


def test_one_caller_tries_again_after_a_second_and_the_rest_go_on_failing(monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(redis, "_down_until", now - 0.1)
    inside, release = threading.Event(), threading.Event()

    def slow(client):
        inside.set()
        release.wait(10)
        return "answer"

    answers = []
    probe = threading.Thread(target=lambda: answers.append(redis.ask(slow)))
    probe.start()
    inside.wait(10)
    with pytest.raises(redis.RedisDown):
        redis.ask(lambda client: "never asked")
    release.set()
    probe.join()
    assert answers == ["answer"]
    assert redis.ask(lambda client: "open again") == "open again"


def test_a_total_is_exact_after_every_write(scope, django_capture_on_commit_callbacks):
    def total():
        return totals.remembered("t", practice_id=scope.pk, of=(Patient,), compute=lambda: Patient.objects.count())

    assert total() == 0
    with django_capture_on_commit_callbacks(execute=True):
        patient = PatientFactory()
    assert total() == 1
    with django_capture_on_commit_callbacks(execute=True):
        Patient.objects.bulk_create([PatientFactory.build() for _ in range(3)])
    assert total() == 4
    with django_capture_on_commit_callbacks(execute=True):
        patient.delete()
    assert total() == 3


def test_a_total_is_remembered_until_something_changes(scope):
    counted = []
    for _ in range(3):
        totals.remembered("t", practice_id=scope.pk, of=(Patient,), compute=lambda: counted.append(1) or 7)
    assert len(counted) == 1


def test_a_total_counted_while_a_write_commits_is_not_kept(scope, django_capture_on_commit_callbacks):
    """The count reads before the commit, the write commits and forgets, only then is the count stored."""

    def count_and_be_overtaken():
        before = Patient.objects.count()
        with django_capture_on_commit_callbacks(execute=True):
            PatientFactory()
        return before

    arguments = {"practice_id": scope.pk, "of": (Patient,)}
    assert totals.remembered("t", **arguments, compute=lambda: 0) == 0
    with django_capture_on_commit_callbacks(execute=True):
        PatientFactory()
    assert totals.remembered("t", **arguments, compute=count_and_be_overtaken) == 1
    assert totals.remembered("t", **arguments, compute=Patient.objects.count) == 2


def test_totals_are_counted_anew_while_redis_is_away(scope, client_at, silent_port):
    client_at(silent_port)
    assert totals.remembered("t", practice_id=scope.pk, of=(Patient,), compute=lambda: 5) == 5
