"""A PostgreSQL and a Redis for the tests: those of the environment, else private ones, which need not keep anything,
else those that answer on this machine. docs/adr/0020: why not the fixtures of pytest-postgresql and pytest-redis."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

OLDEST_POSTGRESQL = 15
START_SECONDS, STOP_SECONDS = 120, 60
# On a shared Redis a run uses the databases first to first + 1 (tests, one for each worker) and nine further on
# (tests/server.py); it takes them only when they are empty, and notes in database 0 that they are taken.
REDIS_FIRSTS, REDIS_OFFSETS, CLAIM_SECONDS = (2, 4), (0, 1, 9, 10), 3600


@dataclass(frozen=True)
class Service:
    url: str
    origin: str


class Unavailable(Exception):
    """There is no such server here, and none can be started; the sentence says what is missing."""


def postgresql(stack: ExitStack) -> Service:
    """Raises Unavailable. What it starts ends with the stack."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        return Service(url, "TEST_DATABASE_URL")
    try:
        return Service(stack.enter_context(private_postgresql()), "a private PostgreSQL")
    except Unavailable as error:
        if shared := _shared_postgresql(stack):
            return shared
        raise error


def _shared_postgresql(stack: ExitStack) -> Service | None:
    port = int(os.environ.get("TEST_POSTGRESQL_PORT", "5432"))
    for user in ("postgres", pwd.getpwuid(os.getuid()).pw_name):
        server = f"postgresql://{user}@127.0.0.1:{port}"
        if _may_create_databases(server):
            # a name of this run's own: runs beside it never meet
            return Service(stack.enter_context(_own_databases(server)), f"the PostgreSQL on port {port}")
    return None


def redis_server(stack: ExitStack) -> Service:
    """Raises Unavailable. What it starts ends with the stack."""
    if url := os.environ.get("TEST_REDIS_URL"):
        return Service(url, "TEST_REDIS_URL")
    try:
        return Service(stack.enter_context(private_redis()), "a private Redis")
    except Unavailable as error:
        if shared := _shared_redis(stack):
            return shared
        raise error


def _shared_redis(stack: ExitStack) -> Service | None:
    port = int(os.environ.get("TEST_REDIS_PORT", "6379"))
    for first in REDIS_FIRSTS:
        server = f"redis://127.0.0.1:{port}"
        if _claim_redis(server, first, stack):
            return Service(f"{server}/{first}", f"the Redis on port {port}")
    return None


def _may_create_databases(server: str) -> bool:
    """Whether a new enough PostgreSQL lets us in with the right to make databases."""
    try:
        with psycopg.connect(f"{server}/postgres", connect_timeout=2) as connection:
            row = connection.execute(
                "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            return bool(row and row[0]) and connection.info.server_version >= OLDEST_POSTGRESQL * 10_000
    except psycopg.Error:
        return False


@contextmanager
def _own_databases(server: str) -> Iterator[str]:
    """A database URL that nobody else uses; what tests/databases.py derives from it is gone afterwards, whatever ended
    the run."""
    name = f"praxis_run_{os.getpid()}"
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            found = connection.execute("SELECT datname FROM pg_database WHERE datname ^@ %s", [f"{name}_"])
            for (database,) in found.fetchall():
                connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            found = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ^@ %s", [f"{name}_"])
            for (role,) in found.fetchall():
                connection.execute(f'DROP ROLE "{role}"')


def _claim_redis(server: str, first: int, stack: ExitStack) -> bool:
    """Whether these databases of a shared Redis are ours until the stack ends."""
    numbers = [first + offset for offset in REDIS_OFFSETS]
    claim = f"praxis:tests:{first}"
    try:
        with redis.Redis.from_url(f"{server}/0", socket_timeout=2, socket_connect_timeout=2) as ledger:
            if not ledger.set(claim, os.getpid(), nx=True, ex=CLAIM_SECONDS):
                return False
            if any(_redis_size(server, number) for number in numbers):
                ledger.delete(claim)
                return False
    except redis.RedisError:
        return False
    stack.callback(_give_back, server, claim, numbers)
    return True


def _redis_size(server: str, number: int) -> int:
    with redis.Redis.from_url(f"{server}/{number}", socket_timeout=2) as client:
        return int(client.dbsize())


def _give_back(server: str, claim: str, numbers: list[int]) -> None:
    with suppress(redis.RedisError):
        for number in numbers:
            with redis.Redis.from_url(f"{server}/{number}", socket_timeout=2) as client:
                client.flushdb()
        with redis.Redis.from_url(f"{server}/0", socket_timeout=2) as ledger:
            ledger.delete(claim)


@contextmanager
def private_postgresql() -> Iterator[str]:
    """A PostgreSQL of our own in a temporary directory, tuned for tests. Raises Unavailable."""
    with _cluster() as cluster, cluster.running(synchronous_commit="off"):
        yield f"{cluster.server}/praxis"


@contextmanager
def killable_postgresql() -> Iterator["Cluster"]:
    """The same one, which keeps what was committed when it is killed. Raises Unavailable."""
    with _cluster() as cluster:
        yield cluster


@contextmanager
def _cluster() -> Iterator["Cluster"]:
    binaries = _postgresql_binaries()
    user = _unprivileged_user()
    with tempfile.TemporaryDirectory(prefix="praxis-postgresql-") as name:
        directory = Path(name)
        if user:
            os.chown(directory, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        initdb = [str(binaries / "initdb"), "-D", str(directory / "data"), "-U", "postgres", "-A", "trust"]
        initdb += ["-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(initdb, **as_user, cwd=directory, capture_output=True, text=True, timeout=300)
        if made.returncode:
            raise Unavailable(f"initdb failed: {made.stderr.strip()[-300:]}")
        yield Cluster(binaries / "postgres", directory, as_user, free_port())


@dataclass
class Cluster:
    """The files of a PostgreSQL, which runs while `running` is open. What it was told to commit is lost only if the
    machine goes down (fsync), or with `synchronous_commit`."""

    binary: Path
    directory: Path
    as_user: dict
    port: int

    @property
    def server(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}"

    @contextmanager
    def running(self, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.directory)}
        options |= {"max_connections": "300", "fsync": "off", "full_page_writes": "off", **more}
        command = [str(self.binary), "-D", str(self.directory / "data"), "-p", str(self.port)]
        command += [word for option, value in options.items() for word in ("-c", f"{option}={value}")]
        with running(command, self.as_user, self.directory, lambda: _may_create_databases(self.server)) as process:
            yield process

    @staticmethod
    def kill(process: "subprocess.Popen[bytes]", *, at_once: bool) -> None:
        """Kill the server and all its processes; else have it drop everything, as after a crash of one of them."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGKILL if at_once else signal.SIGQUIT)
        for child in children if at_once else ():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        process.wait(STOP_SECONDS)


@contextmanager
def private_redis() -> Iterator[str]:
    """A Redis of our own that keeps nothing. Raises Unavailable."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if not binary:
        raise Unavailable("no redis-server is installed")
    with tempfile.TemporaryDirectory(prefix="praxis-redis-") as name:
        port = free_port()
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        server = f"redis://127.0.0.1:{port}"
        with running([*command, "--dir", name], {}, Path(name), lambda: _answers(server)):
            yield f"{server}/0"


def _answers(server: str) -> bool:
    try:
        with redis.Redis.from_url(server, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


@contextmanager
def running(
    command: list[str], as_user: dict, directory: Path, is_up: Callable[[], bool]
) -> Iterator["subprocess.Popen[bytes]"]:
    """The server while the block runs. It has a session of its own, so that a Ctrl-C does not end it under the
    tests; it is ended by its id."""
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, **as_user, cwd=directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (directory / "server.log").read_text(errors="replace").strip()[-300:]
                raise Unavailable(f"{Path(command[0]).name} did not start: {said}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _postgresql_binaries() -> Path:
    """The directory of the newest PostgreSQL installed; Debian keeps its servers off the PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    versions = {int(path.parent.name): path for path in found if path.parent.name.isdigit()}
    if versions and max(versions) >= OLDEST_POSTGRESQL:
        return versions[max(versions)]
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise Unavailable(f"no PostgreSQL {OLDEST_POSTGRESQL} or newer is installed")


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs PostgreSQL when we are root, which it refuses; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
