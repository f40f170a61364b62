"""A started Praxis: gunicorn as production runs it, with an environment and a database of its own.

The half of the suite decides what stands behind it: a SQLite file and no Redis, or a database next to
TEST_DATABASE_URL and a Redis database of its own.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import redis

from tests import databases
from tests.databases import ROLE, WORKER, application_url, own_database, with_path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 300, 60
MAIN_REDIS = os.environ.get("TEST_REDIS_URL", "")
SECRETS = ("SECRET_KEY", "SEARCH_INDEX_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_KEYS")
PLENTY = "1000000"


@cache
def own_redis() -> str:
    """The URL of a Redis database that neither the tests of this process nor another worker's servers use; emptied
    once, for the servers of one process may run at the same time."""
    if not MAIN_REDIS:
        return ""
    used = int(urlsplit(MAIN_REDIS).path.strip("/") or 0)
    worker = int(WORKER[2:]) + 1 if WORKER.startswith("gw") else 0
    url = with_path(MAIN_REDIS, str(used + 8 + worker))
    with closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
    return url


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """`environment` holds what this server runs with, as the application's role; `database_url` is the owner's way
    into its database; `log` is everything it wrote."""

    directory: Path
    database_url: str
    redis_url: str
    changes: dict[str, str] = field(default_factory=dict)
    name: str = "server"
    role: str = ROLE
    code: Path = ROOT

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.directory / f"{self.name}.log"
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            **{name: os.environ[name] for name in SECRETS},
            "ENV_FILE": "",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": application_url(self.database_url, self.role),
            "REDIS_URL": self.redis_url,
            "PORT": str(self.port),
            "PRACTICE_SIGNUP": "true",
            "WORKFORCE_PASSWORD_MIN_LENGTH": "8",
            "HTTPS_ONLY": "false",
            "RATE_LIMIT_PER_MINUTE": PLENTY,
            "ANON_RATE_LIMIT_PER_MINUTE": PLENTY,
            "JOIN_CODE_TRIES_PER_HOUR": PLENTY,
            "REDIS_TIMEOUT_MS": "5000",
            "FILES_DIR": str(self.directory / "files"),
            "VIRUS_SCAN_URL": "eicar-only://",
            "PYTHONUNBUFFERED": "1",
            **self.changes,
        }

    def manage(self, *arguments: str) -> str:
        """What `manage.py` with these arguments prints; raises when it fails."""
        return databases.manage(self.environment, *arguments)

    def manage_as_owner(self, *arguments: str) -> str:
        """The same for what an operator does with the schema."""
        return databases.manage_as_owner(self.database_url, *arguments, environment=self.environment)

    def prepare(self) -> None:
        """The schema, and the rights of the application's role in it."""
        databases.migrate(self.database_url)

    @contextmanager
    def running(self) -> Iterator["Server"]:
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(command, cwd=self.code, env=self.environment, stdout=log, stderr=log)
            try:
                self._wait_until_it_answers(process)
                yield self
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(verify=False) as client:  # to load the certificates costs more than the call
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    if client.get(f"{self.url}/api/health/live", timeout=10).status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.05)
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()[-4000:]}")

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the server's own database answers; `%s` marks a parameter."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, timeout=300)) as connection:
                return list(connection.execute(query.replace("%s", "?"), parameters))
        with psycopg.connect(self.database_url) as connection:
            return list(connection.execute(query, parameters))


@contextmanager
def started(directory: Path) -> Iterator[Server]:
    """A migrated, running server with an empty database."""
    with own_database(directory) as database_url:
        server = Server(directory, database_url, own_redis())
        server.prepare()
        with server.running():
            yield server
