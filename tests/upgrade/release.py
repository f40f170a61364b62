"""The release before: its code, taken out of this repository, and a database that it made.

`BEFORE` is the last tag, or until there is one the commit that stands for it. Its migrations are those that
tests/guards/test_migration_locks.py marks as known.
"""

import os
import subprocess
from collections import Counter
from pathlib import Path

import psycopg
from psycopg import sql

from tests import databases
from tests.server import ROOT

PATIENTS = int(os.environ.get("TEST_UPGRADE_PATIENTS", "0"))  # charts more, to see how it scales
SEED = (("--patients", PATIENTS), ("--appointments", PATIENTS // 5), ("--records", PATIENTS // 5))
BEFORE = "dcbe4025628da584c0e26aadef986ccb123218aa"
FILL = """
from audit.context import by_command
by_command("test")
from accounts.tests.factories import UserFactory
from core.tenancy.scope import practice_scope
from demo.clinic import ensure_demo
from tests.guards.rows import Rows
practice, _ = ensure_demo(password="Passw0rd!")
def make_user(role, *, practice=practice, **fields):
    with practice_scope(practice.pk):
        return UserFactory(role=role, **fields)
Rows(practice, make_user)
"""
COLUMNS = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
JOIN pg_tables ON tablename = table_name AND schemaname = table_schema WHERE table_schema = 'public' GROUP BY 1
"""
Content = dict[str, tuple[list[str], Counter[int]]]  # table: its columns, and the hashes of its rows


def commit() -> str:
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD^").stdout.decode().strip()
    return tag or BEFORE


def is_known() -> bool:
    """A clone without its history has no release before."""
    return _git("cat-file", "-e", f"{commit()}^{{commit}}").returncode == 0


def unpack(directory: Path) -> Path:
    """Return the folder with its code."""
    directory.mkdir()
    archive = _git("archive", commit()).stdout
    subprocess.run(["tar", "-xf", "-", "-C", str(directory)], input=archive, check=True)
    return directory


def make_database(url: str, code: Path, environment: dict[str, str]) -> None:
    """Migrate and fill a database as the release before did."""
    databases.fill(url, databases.CACHE / "before" / f"{commit()}.sql", code)
    for command in (
        ["setup_database_roles", "--role", databases.ROLE, "--apply"],
        ["shell", "--command", FILL],
        *(["seed", "--password", "Passw0rd!", kind, str(number)] for kind, number in SEED if number),
        ["audit_seal"],
    ):
        databases.manage_as_owner(url, *command, environment=environment, code=code)


def content(url: str, of: Content | None = None) -> Content:
    """Return what is in each table; `of` an earlier content, of its tables and columns alone."""
    with psycopg.connect(url) as owner:
        columns: dict[str, list[str]] = dict(owner.execute(COLUMNS).fetchall())
        if of is not None:
            columns = {name: [one for one in theirs if one in columns[name]] for name, (theirs, _) in of.items()}
        return {name: (names, _hashes(owner, name, names)) for name, names in columns.items()}


def _hashes(owner: psycopg.Connection, table: str, columns: list[str]) -> Counter[int]:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL("SELECT hash_record_extended(ROW({}), 0) FROM {}").format(names, sql.Identifier(table))
    return Counter(number for (number,) in owner.execute(query))


def _git(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "GIT_CONFIG_COUNT": "1"}
    environment |= {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    return subprocess.run(["git", *arguments], cwd=ROOT, env=environment, capture_output=True, check=False)
