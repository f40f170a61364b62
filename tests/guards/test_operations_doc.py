"""docs/operations.md names only commands and options that there are, and each was run: somebody types them at night."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/operations.md", "docs/security.md", "docs/development.md", "README.md")
WRITTEN = re.compile(r"(?<!beside )manage\.py ([a-z]\w+)((?: +(?!#)[^\s`|#;,)]+)*)")


@pytest.mark.embedded
@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page, subtests):
    known = get_commands()
    found = set(WRITTEN.findall((ROOT / page).read_text()))
    assert page != "docs/operations.md" or len({name for name, _ in found}) > 20
    for name, rest in sorted(found):
        with subtests.test(command=name, rest=rest):
            assert name in known
            parser = load_command_class(known[name], name).create_parser("manage.py", name)
            options = {option.strip(".:*") for option in rest.split() if option.startswith("--")}
            assert options <= set(parser._option_string_actions)


CALLED = r"""["'(]{name}["'\s]"""
# In a text, a command begins with one of these, or is SQL.
TOOLS = re.compile(
    r"(ALTER|CREATE|TEST_ALL=true|apt|apt-get|aws|docker|grep|gunicorn|make|pg_basebackup|praxis|promtool|python3?|systemctl"
    r"|ulimit|verify_export\.py) \S"
)
NOT_RUN = {  # the first words of other commands in the page: why no test runs them, or which does
    "python3 -m config.dotenv": "tests/test_dotenv.py",
    "python -m config.dotenv": "tests/test_dotenv.py",
    "docker": "no Docker engine runs on these machines; tests/guards/test_deployment_files.py reads the file",
    "apt-get install": "changes the machine; what it installs is what ADR 56 was tried with",
    "apt install": "changes the machine",
    "make install": "tests/test_install.py, into a folder",
    "make run": "tests/test_commands_run.py",
    "make dev": "tests/test_commands_run.py",
    "praxis setup": "needs Debian, root and PostgreSQL's own user; ADR 56 says when it was tried",
    "praxis owner": "the same",
    "praxis create_practice": "manage.py create_practice as the user praxis",
    "praxis …": "manage.py as the user praxis",
    "praxis COMMAND": "the same",
    "systemctl": "no systemd runs as the first process here; tests/test_install.py has it verify the units",
    "python3 verify_export.py": "audit/tests/test_export.py",
    "verify_export.py": "audit/tests/test_export.py",
    "grep": "the shell, on a file that audit_export wrote",
    "pg_basebackup": "takes a cluster of its own; tried on 2026-12-01, as the page says",
    "CREATE ROLE praxis_backup": "tests/test_deploy_checks.py, with another name",
    "ALTER ROLE": "what setup_database_roles and the check of backups ask for",
    "gunicorn": "tests/server.py",
    "promtool test rules": "core/tests/test_metrics.py",
    "TEST_ALL=true pytest": "is a test",
    "aws s3 sync": "somebody else's tool; any other that copies files does",
    "ulimit": "asks the shell",
}


@pytest.mark.embedded
def test_each_command_is_run_by_a_test_or_says_why_not(subtests):
    page = (ROOT / "docs/operations.md").read_text()
    tests = [
        path for path in ROOT.glob("**/test_*.py") if ".venv" not in path.parts and path.name != Path(__file__).name
    ]
    text = "\n".join(path.read_text() for path in tests)
    for name in sorted({name for name, _ in WRITTEN.findall(page)}):
        with subtests.test(command=name):
            assert re.search(CALLED.format(name=name), text), "no test calls it"
    assert "```" not in page, "blocks are indented here"
    blocks = re.findall(r"(?<=\n\n)(?: {4,}.*\n)+", page)
    lines = {line.strip() for block in blocks for line in block.splitlines()}
    others = {line for line in lines if re.match(r"[a-z][\w/-]+ [\w-]", line) and not line.startswith("manage.py ")}
    others |= {span for span in re.findall(r"`([^`\n]+)`", page) if TOOLS.match(span)}
    left = {line for line in others if not any(line.startswith(begin) for begin in NOT_RUN)}
    assert left == set()
    for begin, where in NOT_RUN.items():
        assert any(line.startswith(begin) for line in others), f"{begin} is not in the page any more"
        assert not where.endswith(".py") or (ROOT / where).exists()
