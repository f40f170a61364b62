"""A real clamd for the tests of the virus scan, with a signature file of its own: nothing is downloaded."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integrations.virus_scan.built_in import EICAR
from tests import services

# Debian keeps its daemons where not every PATH looks.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
SETTINGS = {
    "Foreground": "yes",
    "StreamMaxLength": "11M",
    "AlertExceedsMax": "yes",  # as docker-compose.yml sets it
    "MaxRecursion": "8",
    "ConcurrentDatabaseReload": "no",
}


class Clamd:
    """A clamd that a test starts and stops; `url` stays the same."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.socket = directory / "clamd.sock"
        self.port = services.free_port()
        self.url, self.socket_url = f"tcp://127.0.0.1:{self.port}", f"unix://{self.socket}"
        own = {"DatabaseDirectory": directory, "TemporaryDirectory": directory, "LocalSocket": self.socket}
        own |= {"TCPSocket": self.port, "TCPAddr": "127.0.0.1"} | ({"User": "root"} if os.geteuid() == 0 else {})
        (directory / "praxis.ndb").write_text(f"Praxis.Test.Eicar:0:*:{EICAR.hex()}\n")
        lines = [f"{name} {value}\n" for name, value in {**SETTINGS, **own, **settings}.items()]
        (directory / "clamd.conf").write_text("".join(lines))

    @contextmanager
    def running(self) -> Iterator["Clamd"]:
        """Run clamd. Without one installed the test is skipped, or fails in CI."""
        binary = shutil.which("clamd", path=PLACES)
        if not binary:
            missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            missing("no clamd is installed; as root: apt-get install clamav-daemon")
        command = [binary, f"--config-file={self.directory / 'clamd.conf'}"]
        with services.running(command, {}, self.directory, self._answers):
            yield self

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(60)
                wire.connect(str(self.socket))
                wire.sendall(b"zPING\0")
                return wire.recv(16) == b"PONG\0"
        except OSError:
            return False


@contextmanager
def stopped_clamd(**settings: str) -> Iterator[Clamd]:
    """Yield a clamd that is not running, in a directory with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="praxis-clamd-") as directory:
        yield Clamd(Path(directory), **settings)


@pytest.fixture(scope="session")
def clamd() -> Iterator[Clamd]:
    """A running clamd for all tests that do not stop or configure it."""
    with stopped_clamd() as one, one.running():
        yield one
