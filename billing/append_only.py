"""For migrations: triggers by which the database keeps rows as they are (docs/adr/0041)."""

from typing import Any

from django.db.migrations.operations.base import Operation

OLD = "OLD"
# merging two charts moves the rows of one to the other, and a rotation of keys encrypts these anew
ENCRYPTED = ("patient_name", "patient_address", "payer_name", "payer_address", "note", "reason", "reference")
OF_A_LINE = ("code", "description")
MAY_CHANGE = ("patient_id", *ENCRYPTED)

KEEP = f"""
CREATE OR REPLACE FUNCTION billing_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - ARRAY{[*MAY_CHANGE]} = to_jsonb(OLD) - ARRAY{[*MAY_CHANGE]} THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'Money is only added to: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""
KEEP_LINE = f"""
CREATE OR REPLACE FUNCTION billing_keep_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - ARRAY{[*OF_A_LINE]} = to_jsonb(OLD) - ARRAY{[*OF_A_LINE]} THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT FROM billing_invoice WHERE issued_at IS NOT NULL AND id IN (
    CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE OLD.invoice_id END,
    CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE NEW.invoice_id END
  )) THEN
    RAISE EXCEPTION 'An issued invoice keeps its lines: % is refused.', TG_OP USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$
"""
IS_ISSUED = "EXISTS (SELECT 1 FROM billing_invoice WHERE issued_at IS NOT NULL AND id = {row}.invoice_id)"


class KeepRows(Operation):
    """Refuses to update or delete rows of a table, all of them or, with `once`, those in which this column is not null.
    To be repeated after each migration that changes the table: SQLite builds it anew, without its triggers."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, *, once: str = "") -> None:
        self.model_name, self.once = model_name, once

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name], {"once": self.once} if self.once else {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        meta = to_state.apps.get_model(app_label, self.model_name)._meta
        self.database_backwards(app_label, schema_editor, from_state, to_state)
        when = f"WHEN ({OLD}.{self.once} IS NOT NULL)" if self.once else ""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(KEEP, params=None)
            schema_editor.execute(
                f"CREATE TRIGGER {meta.db_table}_kept BEFORE UPDATE OR DELETE ON {meta.db_table} "
                f"FOR EACH ROW {when} EXECUTE FUNCTION billing_keep()",
                params=None,
            )
            return
        columns = ", ".join(field.column for field in meta.concrete_fields if field.column not in MAY_CHANGE)
        for verb, name in ((f"UPDATE OF {columns}", "updated"), ("DELETE", "deleted")):
            schema_editor.execute(
                f"CREATE TRIGGER {meta.db_table}_not_{name} BEFORE {verb} ON {meta.db_table} {when} BEGIN "
                f"SELECT RAISE(ABORT, 'Money is only added to: a change of {meta.db_table} is refused.'); END",
                params=None,
            )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_kept ON {table}", params=None)
            return
        for name in ("updated", "deleted"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_not_{name}", params=None)

    def describe(self) -> str:
        return f"Rows of {self.model_name} are kept"


class KeepLines(KeepRows):
    """Refuses to add, change or remove lines of an issued invoice."""

    def __init__(self, model_name: str = "InvoiceLine") -> None:
        super().__init__(model_name)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        self.database_backwards(app_label, schema_editor, from_state, to_state)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(KEEP_LINE, params=None)
            schema_editor.execute(
                f"CREATE TRIGGER {table}_kept BEFORE INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION billing_keep_line()",
                params=None,
            )
            return
        meta = to_state.apps.get_model(app_label, self.model_name)._meta
        columns = ", ".join(field.column for field in meta.concrete_fields if field.column not in OF_A_LINE)
        rows = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}
        changed = {"update": f"UPDATE OF {columns}"}
        for verb, of in rows.items():
            name = {"insert": "added", "update": "updated", "delete": "deleted"}[verb]
            when = " OR ".join(IS_ISSUED.format(row=row) for row in of)
            schema_editor.execute(
                f"CREATE TRIGGER {table}_not_{name} BEFORE {changed.get(verb, verb.upper())} ON {table} "
                f"WHEN {when} BEGIN "
                "SELECT RAISE(ABORT, 'An issued invoice keeps its lines.'); END",
                params=None,
            )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_not_added", params=None)
