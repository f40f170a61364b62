"""`python -m tests.run`: which servers a run finds, what it says where there are none, and what it leaves behind."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

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


def test_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://there/clinic")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://there/3")
    with ExitStack() as stack:
        assert services.postgresql(stack).url == "postgresql://there/clinic"
        assert services.redis_server(stack).url == "redis://there/3"


def test_a_private_postgresql_is_started_and_ended(no_servers_running):
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


def test_a_private_redis_is_started_and_ended(no_servers_running):
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
        with ExitStack() as first, ExitStack() as second:
            assert services.redis_server(first).url == f"{server}/4"
            assert services.redis_server(second).origin == "a private Redis"
        with ExitStack() as third:
            assert services.redis_server(third).url == f"{server}/4"
        assert somebody.get("their") == b"data"


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_without_servers_the_half_is_not_counted_as_passed(no_servers_running, monkeypatch, ci, code):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(services, "private_postgresql", missing("PostgreSQL 15 or newer"))

    half = run.run_servers_half([])

    assert (str(half), half.code) == ("PostgreSQL and Redis: NOT RUN: no PostgreSQL 15 or newer is installed", code)


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


@pytest.mark.parametrize(("worker", "url"), [("gw0", "redis://h:1/2"), ("gw3", "redis://h:1/5")])
def test_each_worker_has_a_redis_database_of_its_own(monkeypatch, worker, url):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    assert own_redis("redis://h:1/2") == url
    assert own_redis("") == ""


@pytest.mark.parametrize(("urls", "kept"), [(("", ""), "embedded"), (("postgresql://h/d", "redis://h/2"), "servers")])
def test_each_half_collects_its_own_tests(tmp_path, urls, kept):
    file = tmp_path / "test_halves.py"
    file.write_text(
        "import pytest\n"
        "@pytest.mark.embedded\ndef test_embedded(): pass\n"
        "@pytest.mark.postgresql\n@pytest.mark.redis\ndef test_servers(): pass\n"
        "def test_both(): pass\n"
    )
    variables = {**os.environ, "TEST_DATABASE_URL": urls[0], "TEST_REDIS_URL": urls[1], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-c", "pytest.ini", str(file)]

    said = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60).stdout

    collected = {line.rpartition("::")[2] for line in said.splitlines() if "::" in line}
    assert collected == {f"test_{kept}", "test_both"}
