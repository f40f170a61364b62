"""Which tests a run of pytest takes: those of its half, and `exhaustive` ones in `make test-all` alone.

Run by itself, pytest takes every test that can run in its half. `python -m tests.run` (that is, `make test`) runs both
halves and says so with `--shared`; then what proves the same in either is run once:

- a test without a database in the embedded half, for nothing in it can differ;
- one marked `production` (or `wire`) on PostgreSQL and Redis, as production runs it; so are the pages of the admin site
  (test_admin*.py), which cost most and meet the stricter walls there. `make test-all` opens them in both halves.

What could differ runs on PostgreSQL and Redis, and with `--sampled` one in SAMPLED_PART of it on SQLite too: other ones
for each commit, all of them in `make test-all` and where somebody names the tests to run.
"""

import zlib

import hypothesis.core
import pytest

from tests import sampling
from tests.environment import ON_POSTGRESQL, ON_REDIS

EMBEDDED = not ON_POSTGRESQL and not ON_REDIS
BELONGS = {"postgresql": ON_POSTGRESQL, "redis": ON_REDIS, "embedded": EMBEDDED, "exhaustive": sampling.EXHAUSTIVE}
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}
ON_PRODUCTIONS = ("production", "wire")  # the markers
SAMPLED_PART = 8
EVERYWHERE = "both_halves"

hypothesis.settings.register_profile("sample", max_examples=20, deadline=None, print_blob=True)
hypothesis.settings.register_profile("all", max_examples=200, deadline=None, print_blob=True)
hypothesis.settings.load_profile("all" if sampling.EXHAUSTIVE else "sample")


hypothesis.core.global_force_seed = sampling.SEED


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shared", action="store_true", help="the other half runs too, and takes its share")
    parser.addoption("--sampled", action="store_true", help="with --shared: a part of what both halves can run")


def pytest_report_header() -> str:
    if sampling.EXHAUSTIVE:
        return "every case and example (TEST_ALL)"
    return f"a sample of the larger spaces: TEST_SEED={sampling.SEED} takes the same again"


@pytest.hookimpl(trylast=True)  # a conftest.py may mark its folder
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of the other half are not even counted here."""
    shared = config.getoption("shared")
    sampled = shared and config.getoption("sampled")
    kept, left_out = [], []
    for item in items:
        ours = _belongs(item) and not (shared and _left_to_the_other_half(item))
        ours = ours and not (sampled and _left_to_another_run(item))
        (kept if ours else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _belongs(item: pytest.Item) -> bool:
    return all(BELONGS.get(mark.name, True) for mark in item.iter_markers())


def _is_of_the_admin_site(item: pytest.Item) -> bool:
    return item.path.name.startswith("test_admin")


def _left_to_the_other_half(item: pytest.Item) -> bool:
    names = {mark.name for mark in item.iter_markers()}
    if names & {"embedded", "postgresql", "redis", EVERYWHERE}:
        return False
    if names.intersection(ON_PRODUCTIONS) or (_is_of_the_admin_site(item) and not sampling.EXHAUSTIVE):
        return EMBEDDED
    return not EMBEDDED and not needs_database(item)


def _left_to_another_run(item: pytest.Item) -> bool:
    names = {mark.name for mark in item.iter_markers()}
    if not EMBEDDED or sampling.EXHAUSTIVE or names & {"embedded", EVERYWHERE} or not needs_database(item):
        return False
    return bool(zlib.crc32(f"{sampling.SEED} {item.nodeid}".encode()) % SAMPLED_PART)


def needs_database(item: pytest.Item) -> bool:
    """Whether pytest-django makes this test a database: without one it refuses every query."""
    if item.get_closest_marker("django_db") or DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
        return True
    return hasattr(getattr(item, "cls", None), "databases")  # one of Django's own test cases
