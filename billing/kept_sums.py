"""For migrations: triggers that keep what reports are read from (docs/adr/0041), and what fills it the first time.

What is open of an invoice is a sum to which each movement adds, so the trigger adds it too. Both tables can be filled
again at any time, while others work: each movement of an account locks its chart first, and so does `fill`."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.migrations.operations.base import Operation

from core.tenancy.scope import practice_scope

AT_ONCE = 500  # charts that are locked together
OPEN = "billing_openamount"
# a credit note's entry names the note: it is the credited invoice that it changes
ADD_ENTRY = f"""
INSERT INTO {OPEN} (id, practice_id, created_at, updated_at, invoice_id, issued_on, due_on, amount)
SELECT i.id, i.practice_id, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, i.id, i.issued_on, i.due_on, {{sign}}NEW.amount
FROM billing_invoice i WHERE i.id = (SELECT COALESCE(n.credits_id, n.id) FROM billing_invoice n
  WHERE n.id = NEW.invoice_id)
ON CONFLICT (invoice_id) DO UPDATE SET amount = {OPEN}.amount + EXCLUDED.amount, updated_at = CURRENT_TIMESTAMP;
"""  # noqa: S608 - of names in this module
# a line counts for the doctor whose visit it was when it was issued, and its credit for the same one
COPY_LINES = """
INSERT INTO billing_issuedline
  (id, practice_id, created_at, updated_at, line_id, issued_on, kind, doctor_id, service_id, total)
SELECT l.id, l.practice_id, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, l.id, i.issued_on, i.kind,
  COALESCE(c.doctor_id, a.doctor_id), l.service_id, l.total
FROM billing_invoice i JOIN billing_invoiceline l ON l.invoice_id = i.id
LEFT JOIN appointments_appointment a ON a.id = l.appointment_id
LEFT JOIN billing_invoiceline o ON o.invoice_id = i.credits_id AND o.position = l.position
LEFT JOIN billing_issuedline c ON c.line_id = o.id
WHERE i.issued_at IS NOT NULL AND {which}
ON CONFLICT (line_id) DO NOTHING;
"""
SUM_UP = f"""
INSERT INTO {OPEN} (id, practice_id, created_at, updated_at, invoice_id, issued_on, due_on, amount)
SELECT i.id, i.practice_id, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, i.id, i.issued_on, i.due_on,
  COALESCE((SELECT SUM(e.amount) FROM billing_ledgerentry e WHERE e.invoice_id = i.id), 0)
  + COALESCE((SELECT SUM(e.amount) FROM billing_ledgerentry e JOIN billing_invoice n ON n.id = e.invoice_id
    WHERE n.credits_id = i.id), 0)
  - COALESCE((SELECT SUM(a.amount) FROM billing_allocation a WHERE a.invoice_id = i.id), 0)
FROM billing_invoice i
WHERE i.kind = 'invoice' AND i.issued_at IS NOT NULL AND i.patient_id IN ({{charts}})
ON CONFLICT (invoice_id) DO UPDATE SET amount = EXCLUDED.amount;
"""  # noqa: S608 - the same
TRIGGERS = (  # name, table, when, condition, what
    ("billing_open_by_entry", "billing_ledgerentry", "INSERT", "NEW.invoice_id IS NOT NULL", ADD_ENTRY.format(sign="")),
    ("billing_open_by_allocation", "billing_allocation", "INSERT", "TRUE", ADD_ENTRY.format(sign="-")),
    (
        *("billing_lines_when_issued", "billing_invoice", "UPDATE OF issued_at"),
        "OLD.issued_at IS NULL AND NEW.issued_at IS NOT NULL",
        COPY_LINES.format(which="i.id = NEW.id"),
    ),
)


class KeepSums(Operation):
    """Lets the database keep open amounts and issued lines. To be repeated where TRIGGERS have changed."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.database_backwards(app_label, schema_editor, from_state, to_state)
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        for name, table, when, condition, what in TRIGGERS:
            if is_postgresql:
                schema_editor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN {what} RETURN NULL; END $$",
                    params=None,
                )
                body = f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()"
            else:
                body = f"WHEN {condition} BEGIN {what} END"
            schema_editor.execute(f"CREATE TRIGGER {name} AFTER {when} ON {table} {body}", params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        on = " ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        for name, table, *_others in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{on.format(table=table)}", params=None)

    def describe(self) -> str:
        return "Open amounts and issued lines are kept"


def fill(apps: Any, schema_editor: Any) -> None:
    """Let open amounts and issued lines be what invoices and the ledger say; for RunPython."""
    charts = apps.get_model("patients", "Patient").objects
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id):
            billed = charts.filter(practice_id=practice_id, invoices__isnull=False)
            for _round in range(2):  # charts merged during the first have their invoices elsewhere in the second
                for some in _parts(sorted(set(billed.values_list("pk", flat=True)))):
                    with transaction.atomic():
                        locked = charts.filter(pk__in=some).order_by("pk").select_for_update(no_key=True)
                        _fill(schema_editor.connection, list(locked.values_list("pk", flat=True)))


def _fill(connection: Any, charts: list[Any]) -> None:
    places = ", ".join(["%s"] * len(charts))
    values = [pk if connection.features.has_native_uuid_field else pk.hex for pk in charts]
    with connection.cursor() as cursor:
        cursor.execute(SUM_UP.format(charts=places), values)
        cursor.execute(COPY_LINES.format(which=f"i.patient_id IN ({places})"), values)


def _parts(keys: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
