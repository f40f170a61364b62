"""Which tests a run of pytest takes: those of its half, and `exhaustive` ones in `make test-all` alone.

Run by itself, pytest takes every test that can run in its half. `python -m tests.run` (that is, `make test`) runs both
halves and says so with `--shared`; then what proves the same in either is run once:

- a test without a database in the embedded half, for nothing in it can differ;
- one marked `production` (or `wire`) on PostgreSQL and Redis, as production runs it; so are the pages of the admin site
  (test_admin*.py), which cost most and meet the stricter walls there. `make test-all` opens them in both halves.

What could differ runs on PostgreSQL and Redis, and with `--sampled` one in SAMPLED_PART of it on SQLite too. With
`--sampled` one in TURNS runs of the modules in IN_TURN, which start programs of their own, and of the tests with a
database in the folders of ONE_BY_ONE, unless the last commit changed the file or something of its subject. Of a test
with a database and many cases it takes a part of the cases, unless its file is new or changed. Every other test runs.
What is left out differs from commit to commit, and is taken in `make test-all` and where somebody names the tests to
run.
"""

import zlib
from collections import defaultdict
from fnmatch import fnmatch

import hypothesis.core
import pytest

from tests import sampling
from tests.environment import ON_POSTGRESQL, ON_REDIS

EMBEDDED = not ON_POSTGRESQL and not ON_REDIS
BELONGS = {"postgresql": ON_POSTGRESQL, "redis": ON_REDIS, "embedded": EMBEDDED, "exhaustive": sampling.EXHAUSTIVE}
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}
ON_PRODUCTIONS = ("production", "wire")  # the markers
SAMPLED_PART, TURNS = 16, 4
CASES_PART, FEWEST_CASES = 8, 2
# Each of these cases is a fault that somebody met, a rule for everything, or a wall of its own.
EACH_CASE = ("tests/found/", "tests/guards/", "core/tests/test_row_security.py")
EVERYWHERE = "both_halves"
# Modules that start browsers, servers, proxies and commands, or rotate every key, and what each is about.
IN_TURN = {
    "audit/tests/test_sealing.py": ("audit/*",),
    "billing/tests/test_killed.py": ("billing/*",),
    "core/tests/backups/": ("core/backups/*", "core/database/*"),
    "core/tests/test_database_roles.py": ("core/management/*", "core/tenancy/*", "*/migrations/*"),
    "core/tests/test_rotate_keys.py": ("core/encryption/*", "core/management/*"),
    "demo/tests/test_seed.py": ("demo/*",),
    "notifications/tests/test_killed.py": ("notifications/*",),
    "patients/tests/test_purge_killed.py": ("patients/deletion/*",),
    "records/tests/attachments/test_hostile_files.py": ("records/attachments/*",),
    "records/tests/attachments/test_killed.py": ("records/attachments/*",),
    "records/tests/attachments/test_memory.py": ("records/attachments/*",),
    "records/tests/attachments/test_pdf_bombs.py": ("records/attachments/*",),
    "records/tests/attachments/test_quarantine.py": ("records/attachments/*", "integrations/virus_scan/*"),
    "records/tests/attachments/test_refused_uploads.py": ("records/attachments/*", "core/middleware/*"),
    "records/tests/attachments/test_sandbox.py": ("records/attachments/*",),
    "tests/browser/": ("templates/*", "*/static/*", "*/admin/*", "*pages.py", "core/middleware/*"),
    "tests/test_caddy.py": ("deploy/*", "core/middleware/*"),
    "tests/test_clients_doc.py": ("docs/*", "demo/*"),
    "tests/test_commands_run.py": ("manage.py", "Makefile", "README.md", "demo/*"),
    "tests/test_cut_network.py": ("core/database/*", "core/tenancy/*", "core/cache/*", "notifications/*"),
    "tests/test_deploy_checks.py": ("*/checks.py", "deploy/*"),
    "tests/test_draining.py": ("deploy/*", "docs/proxy/*"),
    "tests/test_install.py": ("deploy/*",),
    "tests/test_metrics_processes.py": ("core/metrics/*",),
    "tests/test_pgbouncer.py": ("core/database/*", "core/tenancy/*"),
    "tests/test_proxy.py": ("deploy/*", "core/middleware/*"),
    "tests/test_rotation_while_serving.py": ("core/encryption/*",),
    "tests/test_stalled.py": ("core/middleware/*",),
    "tests/test_tls.py": ("core/cache/*", "core/database/*", "deploy/*"),
    "tests/test_two_nodes.py": ("notifications/*", "core/cache/*"),
    "tests/wire/test_limits.py": ("core/api/*", "core/cache/*", "core/middleware/*"),
    "tests/wire/test_proxies.py": ("core/middleware/*", "deploy/*"),
}
# Folders whose tests with a database take turns one by one, and what they are about: each app but those that all
# others stand on, and what the API promises.
APPS = ("accounts", "appointments", "audit_review", "billing", "dashboard", "demo", "notifications", "patients")
APPS += ("practices", "records")
ONE_BY_ONE = {f"{app}/tests/": (f"{app}/*", f"templates/{app}/*") for app in APPS}
ONE_BY_ONE["tests/contract/"] = ("*/services.py", "*views.py", "*/serializers.py", "*/urls.py", "core/api/*")
ALL_START_WITH = ("requirements.txt", "config/*")

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
    kept = [item for item in items if _belongs(item) and not (shared and _left_to_the_other_half(item))]
    if sampled and not sampling.EXHAUSTIVE:
        changed = sampling.changed_files(config.rootpath)
        kept = [item for item in kept if not _left_to_another_run(item) and not _waits_for_its_turn(item, changed)]
        left = _cases_left_to_another_run(kept, changed)
        kept = [item for item in kept if item.nodeid not in left]
    taken = {item.nodeid for item in kept}
    if left_out := [item for item in items if item.nodeid not in taken]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept
    if shared:  # what waits for programs begins first, while the others have the processor
        items.sort(key=lambda item: not _subjects(item, IN_TURN))


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
    if not EMBEDDED or names & {"embedded", EVERYWHERE} or not needs_database(item):
        return False
    return bool(_drawn(item.nodeid) % SAMPLED_PART)


def _waits_for_its_turn(item: pytest.Item, changed: set[str]) -> bool:
    """Whether this module, or this test of a folder whose tests take turns, is left to another run."""
    file = _file(item)
    drawn, subjects = file, _subjects(item, IN_TURN)
    if not subjects and not EMBEDDED and needs_database(item):  # of these the embedded half has few anyway
        drawn, subjects = item.nodeid.partition("[")[0], _subjects(item, ONE_BY_ONE)
    patterns = (file, *subjects, *ALL_START_WITH)
    is_drawn = not subjects or _drawn(drawn) % TURNS == 0
    return not is_drawn and not any(fnmatch(one, pattern) for one in changed for pattern in patterns)


def _subjects(item: pytest.Item, of: dict[str, tuple[str, ...]]) -> list[str]:
    """What this module, or its folder, is about; empty where it does not take turns."""
    file = _file(item)
    return [subject for place, about in of.items() if file.startswith(place) for subject in about]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _cases_left_to_another_run(items: list[pytest.Item], changed: set[str]) -> set[str]:
    """The ids of all but a part of each test's cases."""
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for item in filter(needs_database, items):
        file = _file(item)
        if hasattr(item, "callspec") and file not in changed and not file.startswith(EACH_CASE):
            cases[item.nodeid.partition("[")[0]].append(item.nodeid)
    return {one for of_a_test in cases.values() for one in sorted(of_a_test, key=_drawn)[_taken(len(of_a_test)) :]}


def _taken(cases: int) -> int:
    return max(FEWEST_CASES, -(-cases // CASES_PART))


def _drawn(case: str) -> int:
    """A number by chance, the same one wherever this sample is taken."""
    return zlib.crc32(f"{sampling.SEED} {case}".encode())


def needs_database(item: pytest.Item) -> bool:
    """Whether pytest-django makes this test a database: without one it refuses every query."""
    if item.get_closest_marker("django_db") or DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
        return True
    return hasattr(getattr(item, "cls", None), "databases")  # one of Django's own test cases
