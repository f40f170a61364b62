"""`manage.py serve` and gunicorn as `make run` starts them, and the Makefile's own lines, through a shell's eyes."""

import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from config.dotenv import write_dotenv
from tests import databases
from tests.sampling import sample
from tests.server import own_database, own_redis
from tests.services import free_port

pytestmark = [pytest.mark.embedded, pytest.mark.slow]  # what `make run` starts with

ROOT = Path(__file__).resolve().parent.parent
ROLES = ("admin", "doctor", "staff", "billing", "patient")
SERVE = ["manage.py", "serve", "--no-worker"]  # what one test is about would slow the others down
GUNICORN = ["-m", "gunicorn", "--config", "config/gunicorn.py"]
on_one_worker = pytest.mark.xdist_group("served")  # so that one demo practice is seeded for them all


def environment(directory: Path, **changes: str) -> dict[str, str]:
    """What `make run` starts with on a fresh machine: a `.env`, and nothing of ours in the environment."""
    write_dotenv(directory / "env")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    urls = {"DATABASE_URL": f"sqlite:///{directory / 'praxis.sqlite3'}"}
    return {**kept, **urls, "ENV_FILE": str(directory / "env"), "PYTHONUNBUFFERED": "1", **changes}


def migrated(directory: Path) -> Path:
    """A database file as an earlier start has left it: to migrate takes as long as all these tests together."""
    file = directory / "praxis.sqlite3"
    databases.migrate(f"sqlite:///{file}")
    return file


def with_a_migration_due(directory: Path) -> None:
    with closing(sqlite3.connect(migrated(directory))) as database, database:
        database.execute("DROP TABLE django_session")
        database.execute("DELETE FROM django_migrations WHERE app = 'sessions'")


def missing(directory: Path) -> None:
    assert not (directory / "praxis.sqlite3").exists()


def attempt(arguments: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)


@contextmanager
def serving(
    directory: Path, variables: dict[str, str], arguments: list[str] = SERVE
) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A serving process in a process group of its own, as a terminal gives it one; its address and what it says."""
    port, log = free_port(), directory / "serve.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env={**variables, "PORT": str(port)}, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 900
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield process, url, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=60, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def interrupt(process: subprocess.Popen[bytes]) -> int:
    """The exit code after a Ctrl-C; nothing of its process group may be left."""
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait(300)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    directory = tmp_path_factory.mktemp("served")
    with own_database(directory) as database:
        databases.migrate(database)
        # a limit of its own: on a shared Redis the other servers' calls count for the same address
        variables = environment(
            directory, DATABASE_URL=database, REDIS_URL=own_redis(), ANON_RATE_LIMIT_PER_MINUTE="600"
        )
        with serving(directory, variables) as running:
            yield running


@on_one_worker
def test_it_names_its_addresses_and_the_demo_sign_ins(served):
    _, url, log = served

    said = log.read_text()

    assert re.findall(r"^  \w[\w ]* +(http\S+)$", said, re.M) == [
        f"{url}/", f"{url}/api/docs", f"{url}/admin/", f"{url}/api/health"
    ]  # fmt: skip
    assert re.findall(r"^  (\w+) +(\S+@\S+)$", said, re.M) == [(role, f"{role}@example.com") for role in ROLES]
    assert "password Passw0rd!" in said


@on_one_worker
@pytest.mark.parametrize("role", ROLES)
def test_demo_sign_ins_work(served, role):
    _, url, _ = served
    answer = httpx.post(f"{url}/api/auth/login", json={"email": f"{role}@example.com", "password": "Passw0rd!"})
    assert answer.status_code == 200


@on_one_worker
@pytest.mark.parametrize("path", ["/", "/api/docs", "/api/redoc", "/api/schema", "/api/health/ready"])
def test_every_page_it_names_is_there(served, path):
    _, url, _ = served
    assert httpx.get(url + path).status_code == 200


@on_one_worker
def test_calls_of_the_readme_run(served):
    _, url, _ = served
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (calls,) = [block for block in blocks if "curl" in block]
    script = calls.replace("http://127.0.0.1:8000", url)
    assert script != calls

    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=300)

    assert (done.returncode, done.stderr) == (0, "")
    answers, rest = [], done.stdout.strip()
    while rest:
        answer, end = json.JSONDecoder().raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].lstrip()
    assert len(answers) == calls.count("curl ") == 5
    assert [answer for answer in answers if "detail" in answer] == []


@pytest.mark.parametrize("database", [with_a_migration_due, pytest.param(missing, marks=pytest.mark.exhaustive)])
def test_second_start_migrates_and_seeds_nothing_and_ctrl_c_stops_it(tmp_path, database):
    database(tmp_path)
    variables = environment(tmp_path)
    for word in ("creating the demo practice", "Praxis is running at"):
        with serving(tmp_path, variables) as (process, url, log):
            with httpx.Client() as client:  # a kept-alive connection, as a browser leaves one
                client.get(f"{url}/api/health")
                assert interrupt(process) == 0
            said = log.read_text()
            assert word in said
            assert ("Migrating the database (" in said) is ("creating the demo practice" in said)
            assert "Traceback" not in said and "SIGKILL" not in said
    assert "creating the demo practice" not in said


def test_worker_runs_beside_the_server_and_one_ctrl_c_ends_both(tmp_path):
    migrated(tmp_path)
    variables = environment(tmp_path, DEBUG="false", HTTPS_ONLY="false")
    with serving(tmp_path, variables, ["manage.py", "serve"]) as (process, url, log):
        _wait_until(lambda: httpx.get(f"{url}/api/health/worker").status_code == 200)

        os.killpg(process.pid, signal.SIGINT)

        assert process.wait(300) == 0
        _wait_until(lambda: not _is_there(process.pid))
        assert "Traceback" not in log.read_text()


def _wait_until(done):
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_taken_port_is_one_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        done = attempt(SERVE, environment(tmp_path, PORT=str(port)))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"CommandError: cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Choose another port, for example PORT=8001.\n"
    )


@pytest.mark.parametrize("host", ["999.1.1.1", "192.0.2.1"])
def test_host_that_is_not_this_machine_is_one_line_with_the_right_advice(tmp_path, host):
    done = attempt(SERVE, environment(tmp_path, HOST=host, PORT=str(free_port())))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert f"cannot listen on {host}:" in done.stderr and "HOST must be an address of this machine" in done.stderr
    assert "PORT" not in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://somebody:s3cret@127.0.0.1:{port}/clinic", "127.0.0.1:{port}/clinic (DATABASE_URL): Connection"),
        ("sqlite:////nowhere/at/all/praxis.sqlite3", "/nowhere/at/all/praxis.sqlite3 (DATABASE_URL): unable to open"),
        ("mysql://root@localhost/clinic", "DATABASE_URL must begin with postgresql:// or sqlite:///."),
        ("garbage", "DATABASE_URL must begin with postgresql:// or sqlite:///."),
        ("sqlite://praxis.sqlite3", "DATABASE_URL must begin with postgresql:// or sqlite:///."),
    ],
)
def test_database_out_of_reach_is_one_line(tmp_path, url, said):
    closed = free_port()
    variables = environment(tmp_path, PORT=str(free_port()), DATABASE_URL=url.format(port=closed))

    done = attempt(SERVE, variables)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert said.format(port=closed) in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize("start", sample([SERVE, GUNICORN], 1), ids=" ".join)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set. Make one with: python -c"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too weak: it needs at least 32 random characters. Make one with:"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY is too weak"),
        ({"SEARCH_INDEX_KEY": "short"}, "SEARCH_INDEX_KEY is too weak"),
        ({"FIELD_ENCRYPTION_KEYS": "1:AAAA"}, "Make a key with: python -c"),
        ({"PORT": "http"}, "PORT must be a whole number of at least 1, not 'http'."),
        ({"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY above 1 needs REDIS_URL"),
        ({"REDIS_URL": "foo"}, "REDIS_URL must be the address of a Redis server such as redis://localhost:6379/0"),
        ({"DATABASE_URL": "garbage"}, "DATABASE_URL must begin with postgresql:// or sqlite:///."),
        ({"CORS_ALLOWED_ORIGINS": "https://a.example/app"}, "CORS_ALLOWED_ORIGINS must hold origins such as https://"),
    ],
)
def test_wrong_setting_prevents_start_with_one_line(tmp_path, start, changes, said):
    done = attempt(start, environment(tmp_path, **{"DEBUG": "false", "PORT": str(free_port()), **changes}))

    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("praxis: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_outside_debug_it_seeds_nothing_and_names_no_sign_in(tmp_path):
    migrated(tmp_path)
    with serving(tmp_path, environment(tmp_path, DEBUG="false", HTTPS_ONLY="false")) as (_, url, log):
        answer = httpx.post(f"{url}/api/auth/login", json={"email": "admin@example.com", "password": "Passw0rd!"})
        assert answer.status_code == 401
        assert "@example.com" not in log.read_text()


def test_database_file_is_private(tmp_path):
    migrated(tmp_path).chmod(0o644)  # as an earlier release made it
    with serving(tmp_path, environment(tmp_path, DEBUG="false", HTTPS_ONLY="false")) as (_, url, _):
        httpx.post(f"{url}/api/auth/login", json={"email": "admin@example.com", "password": "Passw0rd!"})
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("praxis.sqlite3*")}
    assert set(files.values()) == {0o600}, files
    assert "praxis.sqlite3" in files


def test_new_database_file_is_private_from_its_first_migration_on(tmp_path):
    done = attempt(["manage.py", "migrate", "contenttypes", "0001", "--verbosity", "0"], environment(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")
    assert stat.S_IMODE((tmp_path / "praxis.sqlite3").stat().st_mode) == 0o600


def test_dotenv_is_private_and_written_once(tmp_path):
    file = tmp_path / ".env"

    assert write_dotenv(file) is True
    written = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert write_dotenv(file) is False
    assert file.read_text() == written
    assert write_dotenv(tmp_path / "other") is True
    assert not set(_secrets(written)) & set(_secrets((tmp_path / "other").read_text()))


def _secrets(content: str) -> list[str]:
    return [line for line in content.splitlines() if re.match(r"(SECRET|SEARCH|FIELD)", line)]


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """The Makefile and its requirements beside a `python` that only writes down what it is asked."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n'
        '[ "$2" != venv ] || { mkdir -p .venv/bin && cp "$0" .venv/bin/python; }\n'
    )
    python.chmod(0o755)
    return tmp_path


def make(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *words]
    variables = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, timeout=300)


def installs(directory: Path) -> list[str]:
    return [line.split()[-1] for line in (directory / "calls").read_text().splitlines() if " install " in line]


def test_make_installs_only_when_the_requirements_changed(bench):
    make(bench, "venv", "PYTHON=./python")
    make(bench, "venv", "PYTHON=./python")
    assert installs(bench) == ["requirements.txt"]

    with (bench / "requirements.txt").open("a") as file:
        file.write("# another word\n")
    make(bench, "venv", "PYTHON=./python")
    make(bench, "venv-dev", "PYTHON=./python")
    make(bench, "venv-dev", "PYTHON=./python")
    assert installs(bench) == ["requirements.txt", "requirements.txt", "requirements-dev.txt"]


def test_wrong_python_is_one_line(bench):
    (bench / "python").write_text("#!/bin/sh\nexit 1\n")  # what an older one answers to the Makefile's question

    done = make(bench, "venv", "PYTHON=./python")

    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        "praxis: needs Python 3.11 or newer; choose one with: make run PYTHON=/path/to/python3.11"
    )
    assert not (bench / ".venv").exists()
