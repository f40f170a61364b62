"""On PostgreSQL each table with a practice column is under row-level security.
A migration puts a new one there with `RowLevelSecurity` (core/tenancy/row_level_security.py)."""

import pytest
from django.apps import apps
from django.db import connection

from core.tenancy.row_level_security import SETTING

pytestmark = pytest.mark.postgresql
TABLES = """
    SELECT relname, relrowsecurity AND relforcerowsecurity, pg_get_userbyid(relowner) = current_user,
           ARRAY(SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = pg_class.oid)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'practice_id' AND NOT attisdropped
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def tables(db):
    """By name: whether security is enabled and forced, whether we own it, what its policies compare."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return {name: rest for name, *rest in cursor.fetchall()}


def test_every_table_with_a_practice_is_under_row_level_security(tables):
    assert len(tables) >= 9
    assert [name for name, (is_forced, _, _) in tables.items() if not is_forced] == []


def test_every_policy_compares_the_row_with_the_open_scope(tables):
    for name, (_, _, policies) in tables.items():
        assert len(policies) == 1, name
        assert f"current_setting('{SETTING}'" in policies[0] and "practice_id = (" in policies[0], name


def test_every_model_of_a_practice_has_such_a_table(tables):
    """And nothing that PostgreSQL does not look into: a view shows what its owner may see."""
    ours = {
        model._meta.db_table
        for model in apps.get_models()
        if ".tests." not in model.__module__
        and any(field.column == "practice_id" for field in model._meta.concrete_fields)
    }
    assert ours == set(tables)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 2200")
        assert cursor.fetchone() == (0,)


def test_tests_run_as_a_role_that_owns_nothing(tables):
    """Or none of them would prove that the application works behind this wall."""
    assert not any(is_ours for _, is_ours, _ in tables.values())
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
