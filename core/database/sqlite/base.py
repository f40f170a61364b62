"""ENGINE "core.database.sqlite": a migration that builds a table anew leaves the triggers as they were.

SQLite changes most columns by making a new table, dropping the old one and renaming the new. With the old one its own
triggers are gone, and the renaming fails while a trigger of another table names what is not there."""

from typing import Any

from django.db.backends.sqlite3 import base, schema

NAMING = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND instr(sql, %s) ORDER BY rowid"


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def _remake_table(self, model: Any, *args: Any, **changes: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(NAMING, [model._meta.db_table])
            triggers = cursor.fetchall()
        for name, _sql in triggers:
            self.execute(f"DROP TRIGGER {self.quote_name(name)}", params=None)
        super()._remake_table(model, *args, **changes)  # type: ignore[misc]
        for _name, sql in triggers:
            self.execute(sql, params=None)


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor
