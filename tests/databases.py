"""Databases for the tests. A run migrates once, as an operator does; every other database is a copy of that template.

On SQLite the template is a file, which later runs use as well for as long as nothing has changed that makes the schema.
On PostgreSQL it lives as long as the run, and where there is a pg_dump, later runs make it from the file that it wrote.
Each database of a run begins with the name in TEST_DATABASE_URL, and in all
of them the tests and the servers they start have the rights of one plain role: a copy brings them along.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
MAIN_DATABASE = os.environ.get("TEST_DATABASE_URL", "")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
APPLICATION_PASSWORD = "application"
CACHE = ROOT / ".pytest_cache" / "praxis"
MAKES_THE_SCHEMA = ("*/migrations/*.py", "*/models.py", "*/models/*.py", "core/**/*.py", "config/settings.py")
MAKES_THE_SCHEMA += ("billing/append_only.py", "billing/codes.py", "billing/kept_sums.py")
_numbers = count(1)


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def application_role(database: str) -> str:
    """A plain role named after a database: roles are the whole server's, and runs beside this one must not meet it."""
    return f"{database}_app"


TEMPLATE = f"{name_of(MAIN_DATABASE)}_template"
ROLE = application_role(name_of(MAIN_DATABASE))


def application_url(owners: str, role: str = ROLE) -> str:
    """How the application signs in to that database; SQLite knows no roles."""
    if owners.startswith("sqlite"):
        return owners
    parts = urlsplit(owners)
    server = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{APPLICATION_PASSWORD}@{server}"))


@contextmanager
def own_database(directory: Path) -> Iterator[str]:
    """The URL of a database without tables that is gone afterwards."""
    if not MAIN_DATABASE:
        yield f"sqlite:///{directory / 'praxis.sqlite3'}"
        return
    name = f"{name_of(MAIN_DATABASE)}_{WORKER}_{os.getpid()}_{next(_numbers)}"
    with _server() as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield with_path(MAIN_DATABASE, name)
        finally:
            _drop(server, name)
            server.execute(f'DROP ROLE IF EXISTS "{application_role(name)}"')


def migrate(url: str) -> None:
    """Make a database of `own_database` a copy of the template."""
    if url.startswith("sqlite"):
        shutil.copyfile(_sqlite_template(), url.removeprefix("sqlite:///"))
        return
    with _server() as server:
        _make_template(server)
        _drop(server, name_of(url))
        server.execute(f'CREATE DATABASE "{name_of(url)}" TEMPLATE "{TEMPLATE}"')


def drop_template() -> None:
    """On PostgreSQL, at the end of a run: the template, and the role unless somebody else's databases still name it."""
    if not MAIN_DATABASE:
        return
    with suppress(psycopg.OperationalError), _server() as server:
        _drop(server, TEMPLATE)
        with suppress(psycopg.errors.DependentObjectsStillExist):
            server.execute(f'DROP ROLE IF EXISTS "{ROLE}"')


def manage_as_owner(url: str, *arguments: str, environment: dict[str, str] | None = None, code: Path = ROOT) -> str:
    """What `manage.py` with these arguments prints to who owns the database; raises RuntimeError when it fails."""
    return manage(_owners(url, environment), *arguments, code=code)


def manage(environment: dict[str, str], *arguments: str, code: Path = ROOT) -> str:
    return _printed(["manage.py", *arguments], environment, code)


def migrate_from_nothing(url: str) -> None:
    _printed(["-m", "tests.migrate"], _owners(url), ROOT)


def _owners(url: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    own = {"DATABASE_URL": url, "DATABASE_APP_PASSWORD": APPLICATION_PASSWORD}
    return {**(environment or {**os.environ, "REDIS_URL": ""}), **own}


def _printed(command: list[str], environment: dict[str, str], code: Path) -> str:
    command = [sys.executable, *command]
    done = subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, timeout=1200)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _sqlite_template() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    template = CACHE / f"{_fingerprint()}.sqlite3"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            for earlier in CACHE.glob("*.sqlite3*"):
                earlier.unlink()
            unfinished = CACHE / "unfinished.sqlite3"
            migrate_from_nothing(f"sqlite:///{unfinished}")
            unfinished.rename(template)
    return template


def _fingerprint() -> str:
    """Of all that makes the schema: tests/test_databases.py holds the migrations to importing nothing else."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for file in sorted({file for pattern in MAKES_THE_SCHEMA for file in ROOT.glob(pattern)}):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _make_template(server: psycopg.Connection) -> None:
    unfinished = f"{TEMPLATE}_unfinished"
    server.execute("SELECT pg_advisory_lock(hashtext(%s))", [TEMPLATE])
    try:
        if server.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).rowcount:
            return
        _drop(server, unfinished)
        server.execute(f'CREATE DATABASE "{unfinished}"')
        url = with_path(MAIN_DATABASE, unfinished)
        fill(url, CACHE / f"{_fingerprint()}-{server.info.user}-{server.info.server_version // 10_000}.sql")
        manage_as_owner(url, "setup_database_roles", "--role", ROLE, "--apply")
        server.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{TEMPLATE}"')
    finally:
        server.execute("SELECT pg_advisory_unlock(hashtext(%s))", [TEMPLATE])


def fill(url: str, kept: Path, code: Path = ROOT) -> None:
    """Migrate an empty database, or make it from what an earlier run kept."""
    if kept.exists():
        with closing(psycopg.connect(url, autocommit=True)) as database:
            database.execute(kept.read_bytes())
        return
    if code == ROOT:
        migrate_from_nothing(url)
    else:  # an older version of ours, whose tests may know no such command
        manage_as_owner(url, "migrate", "--verbosity", "0", code=code)
    if not (program := shutil.which("pg_dump")):
        return
    dump = subprocess.run([program, "--no-owner", "--inserts", f"--dbname={url}"], capture_output=True, check=False)
    if dump.returncode:
        return  # of an older version than the server, or not allowed to read all; then each run migrates
    kept.parent.mkdir(parents=True, exist_ok=True)
    for earlier in kept.parent.glob("*.sql"):
        earlier.unlink(missing_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    # a line of psql's own, which newer versions write
    unfinished.write_bytes(b"".join(line for line in dump.stdout.splitlines(True) if not line.startswith(b"\\")))
    unfinished.rename(kept)


def _server() -> closing[psycopg.Connection]:
    return closing(psycopg.connect(with_path(MAIN_DATABASE, "postgres"), autocommit=True))


def _drop(server: psycopg.Connection, database: str) -> None:
    server.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
