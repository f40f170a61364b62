"""`python -m tests.run`: which servers a run finds, what it says where there are none, and what it leaves behind."""

import os
import subprocess
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import redis

from tests import run, services
from tests.environment import own_redis

pytestmark = pytest.mark.embedded
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def no_servers_running(monkeypatch):
    """The ports that a run would look at are closed."""
    for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TEST_POSTGRESQL_PORT", "TEST_REDIS_PORT"):
        monkeypatch.setenv(name, str(services.free_port()))


def missing(name):
    def raise_it(*args):
        raise services.Unavailable(f"no {name} is installed")

    return raise_it


def need(start):
    """Enter a private server, or skip where it is not installed."""
    stack = ExitStack()
    try:
        return stack, start(stack)
    except services.Unavailable as error:
        pytest.skip(str(error))


def test_environment_comes_first(monkeypatch):
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://there/clinic")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://there/3")
    with ExitStack() as stack:
        assert services.postgresql(stack).url == "postgresql://there/clinic"
        assert services.redis_server(stack).url == "redis://there/3"


@pytest.mark.slow  # starts a PostgreSQL
def test_private_postgresql_is_started_and_ended(no_servers_running):
    stack, service = need(services.postgresql)
    server = service.url.rpartition("/")[0]
    with stack:
        assert service.origin == "a private PostgreSQL"
        with psycopg.connect(f"{server}/postgres") as connection:
            assert connection.info.server_version >= 150_000
            (directory,) = connection.execute("SHOW data_directory").fetchone()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"{server}/postgres", connect_timeout=2)
    assert not Path(directory).parent.exists()


def test_private_redis_is_started_and_ended(no_servers_running):
    stack, service = need(services.redis_server)
    with stack:
        assert service.origin == "a private Redis"
        with redis.Redis.from_url(service.url) as client:
            assert client.ping()
    with redis.Redis.from_url(service.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_on_a_shared_redis_a_run_takes_empty_databases_and_gives_them_back(monkeypatch):
    stack, shared = need(lambda stack: services.Service(stack.enter_context(services.private_redis()), ""))
    server = shared.url.rpartition("/")[0]
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)
    monkeypatch.setenv("TEST_REDIS_PORT", server.rpartition(":")[2])
    with stack, redis.Redis.from_url(f"{server}/3") as somebody:
        somebody.set("their", "data")  # in the first block a run would take
        monkeypatch.setattr(services, "private_redis", missing("redis-server"))
        with ExitStack() as first, ExitStack() as second:
            assert services.redis_server(first).url == f"{server}/4"
            with pytest.raises(services.Unavailable, match="no redis-server is installed"):
                services.redis_server(second)
        with ExitStack() as third:
            assert services.redis_server(third).url == f"{server}/4"
        assert somebody.get("their") == b"data"


@pytest.mark.slow  # starts a PostgreSQL
def test_shared_postgresql_serves_where_none_can_be_started_and_is_left_as_it_was(monkeypatch):
    stack, shared = need(lambda stack: services.Service(stack.enter_context(services.private_postgresql()), ""))
    server = shared.url.rpartition("/")[0]
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setenv("TEST_POSTGRESQL_PORT", server.rpartition(":")[2])
    monkeypatch.setattr(services, "private_postgresql", missing("PostgreSQL 15 or newer"))
    with stack, psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        with pytest.raises(KeyboardInterrupt), ExitStack() as run_of_tests:
            name = services.postgresql(run_of_tests).url.rpartition("/")[2]
            connection.execute(f'CREATE DATABASE "{name}_template"')
            connection.execute(f'CREATE ROLE "{name}_app"')
            raise KeyboardInterrupt
        assert not connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'praxis_run%'").fetchall()
        assert not connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'praxis_run%'").fetchall()


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What pytest is asked for, by half; it is not run."""
    asked = {}

    def child(command, urls, log=None):
        half = "servers" if urls["TEST_DATABASE_URL"] else "embedded"
        asked[half] = command[command.index("pytest") + 1 :]
        if log:
            log.write_text("what the servers' half says\n")
        return nullcontext(SimpleNamespace(wait=lambda: 0, poll=lambda: 0))

    monkeypatch.setattr(run, "child", child)
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    return asked


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_servers_the_half_is_not_counted_as_passed(no_servers_running, monkeypatch, asked, ci, code):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(services, "private_postgresql", missing("PostgreSQL 15 or newer"))

    _, half = run.run_halves(["-x"])

    assert (str(half), half.code) == ("PostgreSQL and Redis: NOT RUN: no PostgreSQL 15 or newer is installed", code)
    assert "--shared" not in asked["embedded"]  # which then takes all that it can
    assert asked.keys() == {"embedded"} and asked["embedded"][-1] == "-x"


def test_with_servers_the_halves_share_the_tests(monkeypatch, capsys, asked):
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://there/clinic")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://there/3")

    run.run_halves(["accounts"])

    assert [half[-2:] for half in asked.values()] == [["--shared", "accounts"]] * 2
    assert "what the servers' half says" in capsys.readouterr().out


@pytest.fixture
def apt(monkeypatch):
    """What a root's apt-get would be asked, the first install failing as with stale lists."""
    asked = []

    def ask(command, **options):
        asked.append(command[1:2] + command[-1:])
        return subprocess.CompletedProcess(command, returncode=int(len(asked) == 1))

    monkeypatch.setattr(subprocess, "run", ask)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return asked


def test_what_the_tests_run_is_installed_once(apt, monkeypatch):
    monkeypatch.setattr(run.shutil, "which", lambda program: "/usr/bin/apt-get" if program == "apt-get" else None)
    run.ensure_installed("clamd", "clamav-daemon")
    assert apt == [["install", "clamav-daemon"], ["update", "-qq"], ["install", "clamav-daemon"]]


@pytest.mark.parametrize("there", [{"clamd", "apt-get"}, set()], ids=["installed", "no Debian"])
def test_nothing_is_installed_that_is_there_or_cannot_be(apt, monkeypatch, there):
    monkeypatch.setattr(run.shutil, "which", lambda program: program if program in there else None)
    run.ensure_installed("clamd", "clamav-daemon")
    assert apt == []


@pytest.mark.parametrize(
    ("codes", "verdict"), [([0, 0], 0), ([1, 0], 1), ([0, 1], 1), ([0, 5], 0), ([5, 5], 5), ([5, 1], 1), ([2], 2)]
)
def test_one_failing_half_fails_the_run(codes, verdict):
    assert run.verdict(codes) == verdict


def test_last_lines_name_what_failed(tmp_path):
    report = tmp_path / "half.xml"
    report.write_text("""
        <testsuites><testsuite tests="3" failures="1" errors="1" time="2">
            <testcase classname="app.test_a" name="test_x"><failure message="assert 1 == 2&#10; + where"/></testcase>
            <testcase classname="app.test_a" name="test_y"><error message="no database"/></testcase>
            <testcase classname="app.test_a" name="test_z"/>
        </testsuite></testsuites>""")
    ended = SimpleNamespace(wait=lambda: 1)

    assert str(run.finish("Embedded", ended, report)).splitlines() == [
        "Embedded:             FAILED: 1 failed, 1 errors, 1 passed in 2 s",
        "  FAILED app.test_a::test_x - assert 1 == 2",
        "  FAILED app.test_a::test_y - no database",
    ]


@pytest.mark.parametrize(("worker", "url"), [("gw0", "redis://h:1/2"), ("gw3", "redis://h:1/5")])
def test_each_worker_has_a_redis_database_of_its_own(monkeypatch, worker, url):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    assert own_redis("redis://h:1/2") == url
    assert own_redis("") == ""
