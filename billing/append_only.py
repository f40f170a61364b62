"""For migrations: triggers by which the database keeps rows as they are (docs/adr/0041).

Two changes pass: of the patient, for merging two charts moves the rows of one to the other; and of an encrypted column
to another key, for a rotation encrypts it anew. A text that is changed under its key is refused like an amount."""

from typing import Any

from django.db.migrations.operations.base import Operation

from core.encryption.keyring import HEADER_BYTES

OLD = "OLD"
MAY_CHANGE = "patient_id"
SHOWN = 2 + 2 * HEADER_BYTES  # as bytes show in JSON: \x and two digits each
# A trigger is given the names of the encrypted columns.
SAME_BUT_FOR_KEYS = f"""
to_jsonb(NEW) - TG_ARGV - '{MAY_CHANGE}' = to_jsonb(OLD) - TG_ARGV - '{MAY_CHANGE}' AND NOT EXISTS (
  SELECT FROM unnest(TG_ARGV) AS name
  WHERE to_jsonb(NEW) ->> name IS DISTINCT FROM to_jsonb(OLD) ->> name
  AND COALESCE(left(to_jsonb(NEW) ->> name, {SHOWN}) = left(to_jsonb(OLD) ->> name, {SHOWN}), TRUE)
)"""  # noqa: S608 - of names in this module
KEEP = f"""
CREATE OR REPLACE FUNCTION billing_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF {SAME_BUT_FOR_KEYS} THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'Money is only added to: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$
"""
KEEP_LINE = f"""
CREATE OR REPLACE FUNCTION billing_keep_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF {SAME_BUT_FOR_KEYS} THEN
      RETURN NEW;
    END IF;
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
    To be repeated after each migration that adds a column to the table: in SQLite the triggers name the columns."""

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
        once = f"({OLD}.{self.once} IS NOT NULL)" if self.once else "TRUE"
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(KEEP, params=None)
            schema_editor.execute(
                f"CREATE TRIGGER {meta.db_table}_kept BEFORE UPDATE OR DELETE ON {meta.db_table} "
                f"FOR EACH ROW WHEN ({once}) EXECUTE FUNCTION billing_keep({_arguments(meta)})",
                params=None,
            )
            return
        for verb, name, when in (
            (f"UPDATE OF {_kept(meta)}", "updated", f"{once} AND NOT ({_same_but_for_keys(meta)})"),
            ("DELETE", "deleted", once),
        ):
            schema_editor.execute(
                f"CREATE TRIGGER {meta.db_table}_not_{name} BEFORE {verb} ON {meta.db_table} WHEN {when} BEGIN "
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


class KeepRowsOnTheWayBack(KeepRows):
    """Does so only on the way back, before which a later `KeepRows` of the migration was undone."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        pass

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class KeepLines(KeepRows):
    """Refuses to add, change or remove lines of an issued invoice."""

    def __init__(self, model_name: str = "InvoiceLine") -> None:
        super().__init__(model_name)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        meta = to_state.apps.get_model(app_label, self.model_name)._meta
        table = meta.db_table
        self.database_backwards(app_label, schema_editor, from_state, to_state)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(KEEP_LINE, params=None)
            schema_editor.execute(
                f"CREATE TRIGGER {table}_kept BEFORE INSERT OR UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION billing_keep_line({_arguments(meta)})",
                params=None,
            )
            return
        of_old, of_new = (IS_ISSUED.format(row=row) for row in ("OLD", "NEW"))
        for verb, name, when in (
            ("INSERT", "added", of_new),
            ("UPDATE", "updated", f"({of_old} OR {of_new}) AND NOT ({_same_but_for_keys(meta)})"),
            ("DELETE", "deleted", of_old),
        ):
            schema_editor.execute(
                f"CREATE TRIGGER {table}_not_{name} BEFORE {verb} ON {table} WHEN {when} BEGIN "
                "SELECT RAISE(ABORT, 'An issued invoice keeps its lines.'); END",
                params=None,
            )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_not_added", params=None)


def _encrypted(meta: Any) -> list[str]:
    return [field.column for field in meta.concrete_fields if field.get_internal_type() == "BinaryField"]


def _kept(meta: Any) -> str:
    return ", ".join(field.column for field in meta.concrete_fields if field.column != MAY_CHANGE)


def _arguments(meta: Any) -> str:
    return ", ".join(f"'{column}'" for column in _encrypted(meta))


def _same_but_for_keys(meta: Any) -> str:
    """Return SAME_BUT_FOR_KEYS in SQLite's words."""
    encrypted = _encrypted(meta)
    return " AND ".join(
        f"(NEW.{column} IS {OLD}.{column}"
        + (f" OR COALESCE({_header('NEW', column)} <> {_header('OLD', column)}, FALSE)" if column in encrypted else "")
        + ")"
        for column in (field.column for field in meta.concrete_fields if field.column != MAY_CHANGE)
    )


def _header(row: str, column: str) -> str:
    return f"substr({row}.{column}, 1, {HEADER_BYTES})"
