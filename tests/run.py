"""`python -m tests.run [pytest's arguments]`: every test on the embedded default, then again on PostgreSQL and Redis.
`make test` calls it. Both results of a run are in test-results/ as JUnit XML."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from tests import services

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "test-results"
WORKERS = ["-n", "2", "--dist", "loadgroup"]  # the machines this is sized for have two cores
NOTHING_MATCHED = 5  # pytest's exit code when no test was selected
STOP_SECONDS = 30
DEBIAN = {"chromium": "chromium", "clamd": "clamav-daemon"}  # what the tests run, and the package that brings it
EMBEDDED, SERVERS = "Embedded (SQLite)", "PostgreSQL and Redis"


@dataclass(frozen=True)
class Half:
    name: str
    code: int
    line: str

    def __str__(self) -> str:
        return f"{self.name + ':':22}{self.line}"


def main(arguments: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    for program, package in DEBIAN.items():
        ensure_installed(program, package)
    RESULTS.mkdir(exist_ok=True)
    halves = [run_half(EMBEDDED, "embedded", arguments, {"TEST_DATABASE_URL": "", "TEST_REDIS_URL": ""})]
    interrupted = halves[0].code == 2
    if not interrupted:
        halves.append(run_servers_half(arguments))
    print("\n" + "\n".join(str(half) for half in halves))
    return verdict([half.code for half in halves])


def run_servers_half(arguments: list[str]) -> Half:
    with ExitStack() as stack:
        try:
            database, cache = services.postgresql(stack), services.redis_server(stack)
        except services.Unavailable as error:
            # a person without servers may go on; a build that says it tested both must have
            return Half(SERVERS, 1 if os.environ.get("CI") == "true" else 0, f"NOT RUN: {error}")
        origin = f"on {database.origin} and {cache.origin}"
        print(f"\nOnce more {origin}", flush=True)
        urls = {"TEST_DATABASE_URL": database.url, "TEST_REDIS_URL": cache.url}
        return run_half(SERVERS, "postgresql-redis", arguments, urls, origin)


def run_half(name: str, file: str, arguments: list[str], environment: dict[str, str], origin: str = "") -> Half:
    report = RESULTS / f"{file}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", *WORKERS, f"--junitxml={report}", *arguments]
    with child(command, environment) as process:
        code = process.wait()
    return Half(name, code, " ".join(filter(None, [counts(report, code), origin])))


@contextmanager
def child(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is over when the block is. A Ctrl-C reaches it from the terminal; it gets time to tidy up."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    try:
        yield process
    except KeyboardInterrupt:
        _end(process, signal.SIGINT)
        raise
    finally:
        _end(process, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is not None:
        return
    if number != signal.SIGINT:
        process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def counts(report: Path, code: int) -> str:
    """What pytest's report adds up to."""
    if code == NOTHING_MATCHED:
        return "no test of this half matches"
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return f"FAILED (pytest ended with {code})"
    total, failed, errors, skipped = (
        sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    seconds = sum(float(suite.get("time", "0")) for suite in suites)
    parts = [
        (failed, "failed"),
        (errors, "errors"),
        (total - failed - errors - skipped, "passed"),
        (skipped, "skipped"),
    ]
    line = ", ".join(f"{count} {word}" for count, word in parts if count)
    return f"{'FAILED: ' if code else ''}{line} in {seconds:.0f} s"


def verdict(codes: list[int]) -> int:
    """The worst of the halves. A selection may miss one of them, for a test can belong to one alone, but not both."""
    failures = [code for code in codes if code not in (0, NOTHING_MATCHED)]
    if failures:
        return failures[0]
    return NOTHING_MATCHED if all(code == NOTHING_MATCHED for code in codes) else 0


def ensure_installed(program: str, package: str) -> None:
    """Debian's browser for the browser tests, its virus scanner for those of the scan; where one cannot be had they say
    why (tests/browser/conftest.py, tests/clamd.py)."""
    if shutil.which(program) or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"Installing Debian's {package} for the tests ...", flush=True)
    quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "timeout": 240}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    try:
        if subprocess.run(install, env=environment, **quietly).returncode:
            subprocess.run(["apt-get", "update", "-qq"], env=environment, **quietly)
            subprocess.run(install, env=environment, **quietly)
    except subprocess.TimeoutExpired:
        pass  # the tests say so


def _stop(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
