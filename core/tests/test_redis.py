"""What happens when Redis is away: nothing waits long, nothing private opens, the trail of it is logged."""

import socket
import threading
import time
from uuid import uuid4

import pytest
import redis as redis_client
from redis.exceptions import NoScriptError

from appointments.tests.factories import AppointmentFactory
from core.cache import cached_counts
from core.cache import redis_client as redis
from core.tenancy.scope import practice_scope
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
        redis.call(lambda client: client.get("x"))
    asked = []
    for _ in range(5):
        with pytest.raises(redis.RedisDown):
            redis.call(asked.append)
    assert asked == []


def test_one_caller_tries_again_after_a_second_and_the_rest_go_on_failing(monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(redis, "_down_until", now - 0.1)
    inside, release = threading.Event(), threading.Event()

    def slow(client):
        inside.set()
        release.wait(60)
        return "answer"

    answers = []
    probe = threading.Thread(target=lambda: answers.append(redis.call(slow)))
    probe.start()
    inside.wait(60)
    with pytest.raises(redis.RedisDown):
        redis.call(lambda client: "never asked")
    release.set()
    probe.join()
    assert answers == ["answer"]
    assert redis.call(lambda client: "open again") == "open again"


def test_count_is_exact_after_every_write(scope, django_capture_on_commit_callbacks):
    def total():
        return cached_counts.get_or_compute(
            "t", practice_id=scope.pk, of=(Patient,), compute=lambda: Patient.objects.count()
        )

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


def test_count_is_cached_until_something_changes(scope):
    counted = []
    for _ in range(3):
        cached_counts.get_or_compute("t", practice_id=scope.pk, of=(Patient,), compute=lambda: counted.append(1) or 7)
    assert len(counted) == 1


def test_count_computed_while_a_write_commits_is_not_cached(scope, django_capture_on_commit_callbacks):
    """The count reads before the commit, the write commits and forgets, only then is the count stored."""

    def count_and_be_overtaken():
        before = Patient.objects.count()
        with django_capture_on_commit_callbacks(execute=True):
            PatientFactory()
        return before

    arguments = {"practice_id": scope.pk, "of": (Patient,)}
    assert cached_counts.get_or_compute("t", **arguments, compute=lambda: 0) == 0
    with django_capture_on_commit_callbacks(execute=True):
        PatientFactory()
    assert cached_counts.get_or_compute("t", **arguments, compute=count_and_be_overtaken) == 1
    assert cached_counts.get_or_compute("t", **arguments, compute=Patient.objects.count) == 2


def test_counts_are_computed_while_redis_is_down(scope, client_at, silent_port):
    client_at(silent_port)
    assert cached_counts.get_or_compute("t", practice_id=scope.pk, of=(Patient,), compute=lambda: 5) == 5


@pytest.fixture
def script():
    """A script that Redis does not know yet: SCRIPT FLUSH would take those of the other worker's tests too."""
    return redis.client().register_script(f"return {{KEYS[1], ARGV[1]}} -- {uuid4()}")


def run(script, value):
    return redis.run_script(redis.client(), script, ["a"], [value])


def test_script_runs_though_redis_does_not_know_it_or_has_closed_the_connection(script):
    assert redis.client().script_exists(script.sha) == [False]
    assert run(script, "1") == [b"a", b"1"]
    assert redis.client().script_exists(script.sha) == [True]
    redis.client().client_kill_filter(_id=redis._exchange(("CLIENT", "ID")))
    assert run(script, "2") == [b"a", b"2"]


def test_script_that_redis_forgets_again_and_again_runs(script, monkeypatch):
    asked = []

    def forget(command):
        asked.append(command[0])
        if command[0] == "EVALSHA":
            raise NoScriptError
        return exchange(command)

    exchange = redis._exchange
    monkeypatch.setattr(redis, "_exchange", forget)
    assert run(script, "1") == [b"a", b"1"]
    assert asked == ["EVALSHA", "EVAL"]


def test_script_that_is_interrupted_leaves_no_answer_to_the_next(script, monkeypatch):
    assert run(script, "1") == [b"a", b"1"]
    with monkeypatch.context() as patch:
        patch.setattr(redis._own.connection, "read_response", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(script, "2")
    assert run(script, "3") == [b"a", b"3"]


def interrupt(**options):
    raise KeyboardInterrupt


def test_script_s_own_error_is_raised_and_the_connection_kept(script):
    with pytest.raises(redis_client.ResponseError):
        redis.run_script(redis.client(), redis.client().register_script("return nonsense()"), [], [])
    assert run(script, "1") == [b"a", b"1"]


def test_request_asks_redis_once_from_the_second_time_on(subtests, as_role, make_user, practice, monkeypatch):
    client, round_trips = as_role("staff"), []
    with practice_scope(practice.pk):
        AppointmentFactory.create_batch(2, patient=PatientFactory(), doctor=make_user("doctor"))
        PatientFactory()
    call = redis.call
    monkeypatch.setattr(redis, "call", lambda *args, **options: round_trips.append(1) or call(*args, **options))
    for path in ("/api/dashboard/stats", "/api/appointments?limit=1", "/api/patients?limit=1"):
        with subtests.test(path=path):
            assert client.get(path).status_code == 200
            round_trips.clear()
            assert client.get(path).status_code == 200
            assert len(round_trips) == 1


@pytest.mark.django_db(transaction=True)
def test_total_that_is_read_ahead_is_exact_after_a_write(as_role, practice):
    client = as_role("staff")
    for wanted in range(2, 5):
        with practice_scope(practice.pk):
            PatientFactory.create_batch(2 if wanted == 2 else 1)
        for _ in range(2):
            assert client.get("/api/patients?limit=1").json()["total"] == wanted


def test_total_is_read_ahead_for_the_session_and_address_that_asked(scope):
    asked, session, other = {"practice_id": scope.pk, "of": (Patient,)}, uuid4(), uuid4()
    with cached_counts.reading_ahead("/here"):
        assert cached_counts.names_to_read_ahead(session) == ()
        assert cached_counts.get_or_compute("t", **asked, compute=lambda: 7) == 7
    for address, whose, known in (("/there", session, False), ("/here", other, False), ("/here", session, True)):
        with cached_counts.reading_ahead(address):
            assert bool(cached_counts.names_to_read_ahead(whose)) is known
    assert cached_counts.names_to_read_ahead(session) == ()  # outside of a request
