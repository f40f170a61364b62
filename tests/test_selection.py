"""Which tests a run takes, how long one may take, and what a failing one shows."""

import fnmatch
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests import budget, sampling, selection

pytestmark = pytest.mark.embedded
TESTS = """
    import pytest
    @pytest.mark.embedded
    def test_embedded(): pass
    @pytest.mark.postgresql
    def test_servers(): pass
    @pytest.mark.production
    def test_production(): pass
    @pytest.mark.wire
    def test_wire(): pass
    @pytest.mark.both_halves
    def test_asks_redis(): pass
    @pytest.mark.exhaustive
    def test_exhaustive(): pass
    @pytest.fixture
    def db(): pass
    @pytest.fixture
    def chart(db): pass
    def test_rows(chart): pass
    def test_pure(): pass
"""
ROWS = {"test_rows", "test_asks_redis"}
PRODUCTION = {"test_production", "test_wire"}


@pytest.mark.parametrize(
    ("on_servers", "arguments", "taken"),
    [
        (False, [], {"test_embedded", "test_pure"} | ROWS | PRODUCTION),
        (True, [], {"test_servers", "test_pure"} | ROWS | PRODUCTION),
        (False, ["--shared"], {"test_embedded", "test_pure"} | ROWS),
        (True, ["--shared"], {"test_servers"} | ROWS | PRODUCTION),
    ],
)
def test_each_half_takes_its_share(pytester, monkeypatch, on_servers, arguments, taken):
    for name in ("postgresql", "redis"):
        monkeypatch.setitem(selection.BELONGS, name, on_servers)
    monkeypatch.setitem(selection.BELONGS, "embedded", not on_servers)
    monkeypatch.setitem(selection.BELONGS, "exhaustive", False)  # also where make test-all runs this
    monkeypatch.setattr(selection, "EMBEDDED", not on_servers)
    pytester.makepyfile(TESTS)

    done = pytester.runpytest_inprocess("-p", "no:django", "-p", "tests.selection", "--collect-only", "-q", *arguments)

    assert {line.rpartition("::")[2] for line in done.outlines if "::" in line} == taken


DATABASE = "import pytest\n@pytest.fixture\ndef db(): pass\n"
MANY_TESTS = DATABASE + "".join(f"def test_{number}(db): pass\n" for number in range(12))
MANY_CASES = (
    DATABASE
    + """
@pytest.mark.parametrize("case", range(16))
def test_rows(db, case): pass
@pytest.mark.parametrize("case", range(3))
def test_few(db, case): pass
@pytest.mark.parametrize("case", range(16))
def test_pure(case): pass
"""
)


def taken_by(pytester, *arguments):
    options = ("-p", "no:django", "-p", "tests.selection", "--collect-only", "-q", *arguments)
    return {line for line in pytester.runpytest_inprocess(*options).outlines if "::" in line}


@pytest.mark.parametrize(
    ("on_servers", "everything", "arguments", "in_all"),
    [
        (False, False, ["--shared", "--sampled"], False),
        (False, False, ["--shared"], True),
        (False, False, ["--sampled"], True),  # no other half runs
        (False, True, ["--shared", "--sampled"], True),
        (True, False, ["--shared", "--sampled"], True),
    ],
)
def test_embedded_half_takes_a_part_of_what_both_can_run(
    pytester, monkeypatch, on_servers, everything, arguments, in_all
):
    monkeypatch.setattr(selection, "EMBEDDED", not on_servers)
    monkeypatch.setattr(sampling, "EXHAUSTIVE", everything)
    pytester.makepyfile(MANY_TESTS)
    assert (len(taken_by(pytester, *arguments)) == 12) == in_all


@pytest.mark.parametrize(
    ("everything", "changed", "arguments", "rows"),
    [
        (False, False, ["--shared", "--sampled"], 2),
        (False, False, ["--shared"], 16),
        (True, False, ["--shared", "--sampled"], 16),
        (False, True, ["--shared", "--sampled"], 16),
    ],
)
def test_of_many_cases_with_a_database_a_part_is_taken(pytester, monkeypatch, everything, changed, arguments, rows):
    monkeypatch.setattr(selection, "EMBEDDED", False)
    monkeypatch.setattr(selection, "_left_to_the_other_half", lambda item: False)
    monkeypatch.setattr(sampling, "EXHAUSTIVE", everything)
    monkeypatch.setattr(sampling, "changed_files", lambda root: {file.name} if changed else set())
    file = pytester.makepyfile(MANY_CASES)
    taken = Counter(line.rpartition("::")[2].partition("[")[0] for line in taken_by(pytester, *arguments))
    assert taken == {"test_rows": rows, "test_few": min(rows, 3), "test_pure": 16}


SAMPLED = ["--shared", "--sampled"]


@pytest.mark.parametrize(
    ("everything", "changed", "arguments", "whole"),
    [
        (False, set(), SAMPLED, ""),
        (False, {"docs/api.md", "tests/rooms.py"}, SAMPLED, ""),
        (False, {"deploy/nginx.conf"}, SAMPLED, "modules"),
        (False, {"rooms/services.py"}, SAMPLED, "rooms"),
        (False, {"config/env.py"}, SAMPLED, "modules, rooms"),
        (False, set(), ["--shared"], "modules, rooms"),
        (True, set(), SAMPLED, "modules, rooms"),
    ],
)
def test_modules_and_tests_of_an_app_wait_for_their_turn_unless_their_subject_changed(
    pytester, monkeypatch, everything, changed, arguments, whole
):
    monkeypatch.setattr(selection, "IN_TURN", {"test_turn": ("deploy/*",)})
    monkeypatch.setattr(selection, "ONE_BY_ONE", {"rooms/tests/": ("rooms/*",)})
    monkeypatch.setattr(selection, "EMBEDDED", False)
    monkeypatch.setattr(selection, "_left_to_the_other_half", lambda item: False)
    monkeypatch.setattr(sampling, "EXHAUSTIVE", everything)
    monkeypatch.setattr(sampling, "SEED", 1)
    monkeypatch.setattr(sampling, "changed_files", lambda root: changed)
    files = ["test_each", *(f"test_turn_{number}" for number in range(9))]
    pytester.makepyfile(**dict.fromkeys(files, "def test_it(): pass"))
    for folder in (pytester.path / "rooms/tests/services", pytester.path / "tests/guards"):
        folder.mkdir(parents=True)
        (folder / f"test_{folder.name}.py").write_text(MANY_TESTS)

    taken = Counter(line.partition("::")[0] for line in taken_by(pytester, *arguments))

    rooms, guards = taken.pop("rooms/tests/services/test_services.py"), taken.pop("tests/guards/test_guards.py")
    assert "test_each.py" in taken and guards == 12
    assert len(taken) == 10 if "modules" in whole else 1 < len(taken) < 10
    assert rooms == 12 if "rooms" in whole else 1 < rooms < 12


def test_what_takes_turns_is_there():
    command = ["git", "ls-files"]
    tracked = subprocess.run(
        command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True
    ).stdout.split()
    turns = selection.IN_TURN | selection.ONE_BY_ONE
    patterns = {*selection.ALL_START_WITH, *(f"{place}*" for place in turns)}
    patterns.update(*turns.values())
    unknown = {pattern for pattern in patterns if not fnmatch.filter(tracked, pattern)}
    assert unknown <= {f"templates/{app}/*" for app in selection.APPS}  # not each has pages of its own


def test_changed_files_are_those_of_the_last_commit_and_what_is_not_committed(tmp_path):
    def git(*arguments):
        options = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *options, *arguments], check=True, capture_output=True)

    git("init")
    assert sampling.changed_files(tmp_path) == set()
    for name in ("test_first.py", "test_last.py", "test_now.py"):
        (tmp_path / name).touch()
        git("add", "--all")
        if name != "test_now.py":
            git("commit", "--message", "Add a test")
    (tmp_path / "test_new.py").touch()

    assert sampling.changed_files(tmp_path) == {"test_last.py", "test_now.py", "test_new.py"}
    git("clone", "--depth=1", f"file://{tmp_path}", str(tmp_path / "shallow"))
    assert sampling.changed_files(tmp_path / "shallow") == {"test_first.py", "test_last.py"}


@pytest.mark.slow  # a dozen runs of pytest
def test_sooner_or_later_each_test_is_taken(pytester, monkeypatch):
    monkeypatch.setattr(selection, "EMBEDDED", True)
    monkeypatch.setattr(selection, "SAMPLED_PART", 3)  # in a dozen runs
    pytester.makepyfile(MANY_TESTS)
    taken = set()
    for seed in range(12):
        monkeypatch.setattr(sampling, "SEED", seed)
        taken |= taken_by(pytester, "--shared", "--sampled")
    assert len(taken) == 12


@pytest.mark.parametrize(("everything", "opens_pages"), [(False, False), (True, True)])
def test_pages_of_the_admin_site_are_opened_by_the_other_half(pytester, monkeypatch, everything, opens_pages):
    monkeypatch.setattr(selection, "EMBEDDED", True)
    monkeypatch.setattr(sampling, "EXHAUSTIVE", everything)
    pytester.makepyfile(test_admin_charts=TESTS)

    done = pytester.runpytest_inprocess("-p", "no:django", "-p", "tests.selection", "--collect-only", "-q", "--shared")

    assert ("test_admin_charts.py::test_rows" in done.stdout.str()) is opens_pages


def test_sample_keeps_its_order_and_is_the_same_in_every_worker(monkeypatch):
    monkeypatch.setattr(sampling, "EXHAUSTIVE", False)
    taken = sampling.sample(range(1000), 20)
    assert len(taken) == 20 and taken == sorted(taken) == sampling.sample(range(1000), 20)
    assert sampling.examples(1000, 20) == 20
    assert sampling.sample("abc", 20) == ["a", "b", "c"]


def test_in_an_exhaustive_run_nothing_is_left_out(monkeypatch):
    monkeypatch.setattr(sampling, "EXHAUSTIVE", True)
    assert sampling.sample(range(1000), 20) == list(range(1000))
    assert sampling.examples(1000, 20) == 1000


@pytest.mark.slow  # sleeps past a budget six times
def test_over_its_budget_three_times_a_test_fails_the_run(pytester, monkeypatch):
    # on a busy machine it may be more than the test slept, in a teardown too
    monkeypatch.setattr(budget, "_waited_for_a_core", lambda: 0.0)
    pytester.makepyfile("""
        import time, pytest
        runs = []
        def test_over_each_time():
            time.sleep(0.4)
        def test_over_once():
            runs.append(1)
            time.sleep(0.4 if len(runs) == 1 else 0)
        @pytest.mark.slow
        def test_slow():
            time.sleep(0.4)
        @pytest.fixture(scope="module")
        def made_for_all():
            time.sleep(0.4)
        def test_with_others(made_for_all):
            pass
    """)

    done = pytester.runpytest_inprocess("-p", "no:django", "-p", "tests.budget", "--budget", "0.3")

    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["*test_over_each_time took 0.*, 0.*, 0.* s: over 0.3 s each time*"])


def test_failure_shows_the_last_request(pytester):
    pytester.makepyfile("""
        from django.test import Client
        def test_sign_in():
            assert Client().get("/api/health/live").status_code == 404
        def test_without_a_request():
            assert False
    """)

    done = pytester.runpytest_inprocess("-p", "no:django", "-p", "tests.last_request")

    lines = [line for line in done.outlines if " -> " in line]
    assert len(lines) == 1
    assert lines[0].startswith("GET /api/health/live -> 200, request ")
