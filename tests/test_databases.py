"""The template that databases of the tests are copied from (tests/databases.py)."""

import ast
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from django.core.management import call_command

from tests.databases import MAKES_THE_SCHEMA, ROOT, manage_as_owner, migrate_from_nothing, own_database
from tests.plain_role import as_owner

OURS = {path.parent.name for path in ROOT.glob("*/__init__.py")}


def test_copied_database_is_migrated(db):
    with as_owner():
        call_command("migrate", check_unapplied=True, verbosity=0)


@pytest.mark.embedded
def test_what_migrations_import_is_part_of_the_fingerprint():
    imported = set()
    for file in ROOT.glob("*/migrations/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name for name in names if name.split(".")[0] in OURS}
    assert imported
    own = {name for name in imported if not name.startswith("core.") and name.split(".")[1] != "models"}
    assert {name.replace(".", "/") + ".py" for name in own} <= set(MAKES_THE_SCHEMA)
    assert {"core/**/*.py", "*/models.py", "*/models/*.py", "*/migrations/*.py"} <= set(MAKES_THE_SCHEMA)


def schema(url):
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return sorted(database.execute("SELECT type, name, sql FROM sqlite_master").fetchall(), key=str)
    dump = subprocess.run(["pg_dump", "--schema-only", url], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if not line.startswith("\\")]  # psql's own lines hold a random word


@pytest.mark.exhaustive
@pytest.mark.slow  # migrates twice
@pytest.mark.both_halves
def test_quicker_migration_makes_the_schema_that_django_makes(tmp_path):
    if not shutil.which("pg_dump"):
        pytest.skip("pg_dump is missing")
    schemas = []
    for name, migrate in (("quicker", migrate_from_nothing), ("djangos", lambda url: manage_as_owner(url, "migrate"))):
        (tmp_path / name).mkdir()
        with own_database(tmp_path / name) as url:
            migrate(url)
            schemas.append(schema(url))
    assert len(schemas[0]) > 100
    assert schemas[0] == schemas[1]
