"""The budget of a test: with `--budget SECONDS`, one that takes longer and is not marked `slow` fails the run.

What it made for others as well, in fixtures of a module or of the session, does not count. A busy machine is no fault:
what a test waited for a core does not count either, and one that was over is run again: it fails only when over three
times. One with real transactions, which is most often one with threads, may take three times as long.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

RUNS, TRANSACTIONAL = 3, 3
SCHEDULED = Path("/proc/thread-self/schedstat")  # nanoseconds on a core, and waiting for one
_shared = pytest.StashKey[float]()  # seconds that this test spent on fixtures of others too
_inside: list[pytest.FixtureDef[Any]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--budget", type=float, default=0, metavar="SECONDS", help="for a test that is not slow; 0: none")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    if fixturedef.scope == "function" or _inside:
        return (yield)
    _inside.append(fixturedef)
    begun = time.monotonic()
    try:
        return (yield)
    finally:
        _inside.clear()
        item = request._pyfuncitem
        item.stash[_shared] = item.stash.get(_shared, 0) + time.monotonic() - begun


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    budget = item.config.getoption("budget")
    if not budget or item.get_closest_marker("slow"):
        return None
    if _is_transactional(item):
        budget *= TRANSACTIONAL
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    taken: list[float] = []
    while True:
        item.stash[_shared] = 0.0
        waited = _waited_for_a_core()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        waited = _waited_for_a_core() - waited
        own = sum(report.duration for report in reports if report.when != "teardown")
        taken.append(own - item.stash[_shared] - waited)
        if taken[-1] <= budget or any(not report.passed for report in reports) or len(taken) == RUNS:
            break
    if min(taken) > budget and len(taken) == RUNS:
        _fail(reports, f"took {', '.join(f'{seconds:.1f}' for seconds in taken)} s: over {budget:g} s each time")
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _is_transactional(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("django_db")
    return bool(mark and mark.kwargs.get("transaction")) or "transactional_db" in getattr(item, "fixturenames", ())


def _waited_for_a_core() -> float:
    """Return the seconds that this thread has ever waited for a core; 0 where the kernel does not say."""
    try:
        _, waited, _ = map(int, SCHEDULED.read_text().split())
    except (OSError, ValueError):
        return 0.0
    return waited / 1e9


def _fail(reports: list[pytest.TestReport], what: str) -> None:
    (call,) = (report for report in reports if report.when == "call")
    call.outcome, call.sections = "failed", []
    call.longrepr = f"{call.nodeid} {what}. Make it quicker, or mark it `slow` where what it proves takes that long."
