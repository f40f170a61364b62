"""docs/security.md names code and tests that exist, for every requirement that it lists; so does docs/testing.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:[\w-]+/)+[\w.-]+\.\w+)`", TEXT + (ROOT / "docs/testing.md").read_text())))
ROWS = [line.split("|")[1:-1] for line in TEXT.splitlines() if line.startswith(("| (", "| API"))]
NOTHING_TO_NAME = {"API10"}  # no code consumes another service's answers


@pytest.mark.parametrize("name", NAMED)
def test_every_file_it_names_exists(name):
    assert (ROOT / name).is_file()


def test_every_requirement_names_code_and_a_test():
    assert len(ROWS) == 12 + 10
    for requirement, _, code, tests in ROWS:
        if requirement.split()[0] in NOTHING_TO_NAME:
            continue
        assert ".py`" in code or ".conf`" in code, requirement
        assert re.search(r"tests/.*test_\w+\.py`", tests), requirement
