"""docs/security.md names code and tests for each of its requirements, documents name only files that exist, and
docs/layout.md names every folder."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *sorted(ROOT.glob("docs/**/*.md"))]
SECURITY = (ROOT / "docs/security.md").read_text()
LAYOUT = (ROOT / "docs/layout.md").read_text()
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|conf|md|html|yml))`")
ROWS = [line.split("|")[1:-1] for line in SECURITY.splitlines() if line.startswith(("| (", "| API"))]


def test_every_file_named_in_a_document_exists(subtests):
    assert len(FILE.findall(SECURITY)) > 50
    for page in PAGES:
        for name in sorted(set(FILE.findall(page.read_text()))):
            with subtests.test(page=page.name, name=name):
                assert (ROOT / name).is_file()


def test_every_requirement_names_code_and_a_test():
    assert len(ROWS) == 12 + 10
    for requirement, _, code, tests in ROWS:
        assert ".py`" in code or ".conf`" in code, requirement
        assert re.search(r"tests/.*test_\w+\.py`", tests), requirement


def test_each_chapter_of_asvs_is_answered():
    lines = (ROOT / "docs/asvs.md").read_text().splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| V")]
    assert [chapter.split()[0] for chapter, *_ in rows] == [f"V{number}" for number in range(1, 18)]
    for chapter, answer, code, tests in rows:
        is_named = re.search(r"`[\w/.-]+`", code) and re.search(r"tests/.*test_\w+\.py`", tests)
        assert is_named or answer.strip() == "Praxis has none.", chapter


def test_layout_names_every_folder_of_the_apps(subtests):
    """By its path, or by its own name in the row of a sibling."""
    table = LAYOUT.partition("## The folders")[2]
    apps = [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in {"tests", "bench"}]
    folders = {path.parent.relative_to(ROOT) for app in apps for path in app.rglob("__init__.py")}
    assert len(folders) > 50
    for folder in sorted(folders):
        if {"tests", "management", "migrations"} & set(folder.parts):
            continue
        with subtests.test(folder=str(folder)):
            assert f"`{folder}/`" in table or f"`{folder.name}/`" in table
