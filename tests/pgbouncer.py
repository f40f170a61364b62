"""A PgBouncer in transaction mode between a started Praxis and its PostgreSQL."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.databases import MAIN_DATABASE, ROLE
from tests.services import free_port, running

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SESSIONS = 3  # fewer than a server's threads, so that they take turns on them
CONFIGURATION = """
[databases]
* = host={host} port={to}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 300
ignore_startup_parameters = extra_float_digits, options
"""


@contextmanager
def pgbouncer() -> Iterator[int]:
    """The port of one that passes on to the PostgreSQL of the tests."""
    there, port = urlsplit(MAIN_DATABASE), free_port()
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None  # it refuses to be root
    with tempfile.TemporaryDirectory(prefix="praxis-pgbouncer-") as name:
        directory = Path(name)
        places = {"host": there.hostname, "to": there.port or 5432, "port": port, "directory": name}
        (directory / "users").write_text(f'"{ROLE}" ""\n')
        (directory / "pgbouncer.ini").write_text(CONFIGURATION.format(**places, sessions=SESSIONS))
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            for path in (directory, *directory.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [str(PROGRAM), str(directory / "pgbouncer.ini")]
        with running(command, as_user, directory, lambda: _answers(port)):
            yield port


def through(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False
