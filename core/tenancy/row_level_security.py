"""For migrations: isolation of practices in the database itself (docs/adr/0006)."""

from typing import Any

from django.db.migrations.operations.base import Operation

from core.tenancy.postgresql.base import SETTING
from core.tenancy.scope import INSTALLATION

SCOPE = f"(SELECT nullif(current_setting('{SETTING}', true), '')::uuid)"  # a subquery is evaluated once a statement


class RowLevelSecurity(Operation):
    """Limits reads and writes on PostgreSQL to rows of the current scope's practice, for every role (the tables' owner
    too) that does not bypass row-level security. With `in_installation_scope`, all rows are visible in that scope."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, *, in_installation_scope: bool = False) -> None:
        self.model_name = model_name
        self.in_installation_scope = in_installation_scope

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        keywords = {"in_installation_scope": True} if self.in_installation_scope else {}
        return type(self).__name__, [self.model_name], keywords

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        condition = f"practice_id = {SCOPE}"
        if self.in_installation_scope:
            condition += f" OR {SCOPE} = '{INSTALLATION}'"
        self._execute(
            app_label,
            schema_editor,
            to_state,
            f"CREATE POLICY practice_wall ON {{table}} USING ({condition}) WITH CHECK ({condition})",
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._execute(
            app_label,
            schema_editor,
            to_state,
            "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            "DROP POLICY practice_wall ON {table}",
        )

    def describe(self) -> str:
        return f"Row-level security on {self.model_name}"

    def _execute(self, app_label: str, schema_editor: Any, state: Any, *statements: str) -> None:
        if schema_editor.connection.vendor == "postgresql":
            table = schema_editor.quote_name(state.apps.get_model(app_label, self.model_name)._meta.db_table)
            for statement in statements:
                schema_editor.execute(statement.format(table=table))


def can_search_use_index(cursor: Any) -> bool:
    """Return whether PostgreSQL may use the search index before it checks the policy (docs/adr/0006)."""
    cursor.execute("SELECT proleakproof FROM pg_proc WHERE oid = 'arraycontains(anyarray, anyarray)'::regprocedure")
    return bool(cursor.fetchone()[0])
