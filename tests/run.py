"""`python -m tests.run [--all] [pytest's arguments]`: the tests on the embedded default and, at the same time, on
PostgreSQL and Redis. `make test` and `make test-all` call it. Both results are in test-results/ as JUnit XML."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from tests import services

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "test-results"
TOGETHER, ALONE = ("2", "2"), ("2",)  # workers of each half: the machines this is sized for have two cores
# of a test without the marker `slow`: one on a quiet machine, of which a slow one with four processes makes several
BUDGET_SECONDS = "10"
NOTHING_MATCHED = 5  # pytest's exit code when no test was selected
STOP_SECONDS = 120
# what the tests run, and the package that brings it
DEBIAN = {"chromium-headless-shell": "chromium-headless-shell", "clamd": "clamav-daemon"}
EMBEDDED, SERVERS = "Embedded (SQLite)", "PostgreSQL and Redis"


@dataclass(frozen=True)
class Half:
    name: str
    code: int
    line: str
    failures: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The last lines are all that some CI shows, so what failed stands there."""
        return "\n".join([f"{self.name + ':':22}{self.line}", *(f"  FAILED {failure}" for failure in self.failures)])


def main(arguments: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    if "--all" in arguments:
        arguments.remove("--all")
        os.environ["TEST_ALL"] = "true"
    else:
        # somebody who names tests wants all of them
        arguments[:0] = ["--budget", BUDGET_SECONDS, *([] if arguments else ["--sampled"])]
    # a manage.py or a server whose modules are compiled anew takes twice as long to start, and the tests start hundreds
    os.environ["PYTHONDONTWRITEBYTECODE"] = ""
    if os.environ.get("CI") == "true" or not any(Path(one.partition("::")[0]).exists() for one in arguments):
        for program, package in DEBIAN.items():
            ensure_installed(program, package)
    RESULTS.mkdir(exist_ok=True)
    compile_once()
    halves = run_halves(arguments)
    print("\n" + "\n".join(str(half) for half in halves))
    return verdict([half.code for half in halves])


def compile_once() -> None:
    """Let one process compile what four workers import at the same moment: in a fresh clone each took 11 s for it."""
    if not any((ROOT / "__pycache__").glob("conftest.*-pytest-*.pyc")):
        collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        subprocess.run(collect, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)  # what is wrong, both halves say


def run_halves(arguments: list[str]) -> list[Half]:
    """Both at once, the second one's output after the first; the embedded one alone where there are no servers."""
    with ExitStack() as stack:
        try:
            database, cache = services.postgresql(stack), services.redis_server(stack)
        except services.Unavailable as error:
            alone = finish(EMBEDDED, *stack.enter_context(started("embedded", ALONE[0], arguments)))
            # a person without servers may go on; a build that says it tested both must have
            return [alone, Half(SERVERS, int(os.environ.get("CI") == "true"), f"NOT RUN: {error}")]
        embedded, servers = TOGETHER
        shared = ["--shared", *arguments]
        urls = {"TEST_DATABASE_URL": database.url, "TEST_REDIS_URL": cache.url}
        log = RESULTS / "postgresql-redis.log"
        second = stack.enter_context(started("postgresql-redis", servers, shared, urls, log))
        first = finish(EMBEDDED, *stack.enter_context(started("embedded", embedded, shared)))
        origin = f"on {database.origin} and {cache.origin}"
        print(f"\nOnce more {origin}", flush=True)
        follow(log, second[0])
        return [first, finish(SERVERS, *second, origin)]


@contextmanager
def started(
    file: str, workers: str, arguments: list[str], urls: dict[str, str] | None = None, log: Path | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """pytest on one half, and where its report will be."""
    report = RESULTS / f"{file}.xml"
    report.unlink(missing_ok=True)
    # a module's tests stay together: what they share is made once; tests/selection.py says which begin
    spread = ["-n", workers, "--dist", "loadscope", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "pytest", *spread, f"--junitxml={report}", *arguments]
    urls = urls or {"TEST_DATABASE_URL": "", "TEST_REDIS_URL": ""}
    with child(command, urls, log) as process:
        yield process, report


def finish(name: str, process: subprocess.Popen[bytes], report: Path, origin: str = "") -> Half:
    code = process.wait()
    line = " ".join(filter(None, [counts(report, code), origin]))
    return Half(name, code, line, tuple(failures(report) if code else ()))


def failures(report: Path) -> Iterator[str]:
    """Each failed test of pytest's report, with the first line of what it said."""
    with suppress(OSError, ElementTree.ParseError):
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            for found in (*case.iter("failure"), *case.iter("error")):
                said = (found.get("message") or "").strip().partition("\n")[0]
                yield f"{case.get('classname')}::{case.get('name')} - {said[:200]}"


def follow(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Show what it has written, and goes on to write until it ends."""
    with log.open(errors="replace") as written:
        over = False
        while not over:
            over = process.poll() is not None
            shutil.copyfileobj(written, sys.stdout)
            sys.stdout.flush()
            time.sleep(0 if over else 0.2)


@contextmanager
def child(
    command: list[str], environment: dict[str, str], log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is over when the block is. A Ctrl-C reaches it from the terminal; it gets time to tidy up."""
    with log.open("wb") if log else nullcontext() as output:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output)
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
