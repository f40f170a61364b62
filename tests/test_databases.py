"""The template that databases of the tests are copied from (tests/databases.py)."""

import ast

import pytest
from django.core.management import call_command

from tests.databases import MAKES_THE_SCHEMA, ROOT
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
