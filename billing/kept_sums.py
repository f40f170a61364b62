"""For migrations: triggers that keep what reports are read from (docs/adr/0041), and what fills it the first time.

What is open of an invoice, or left of a payment, is a sum to which each movement adds, so the trigger adds it too. The
tables can be filled again at any time, while others work: each movement of an account locks its chart first, and so
does `fill`."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.migrations.operations.base import Operation

from core.encryption.blind_index import payer_fingerprint
from core.encryption.fields import unreadable_marked
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
LEFT = "billing_leftamount"
ADD_TO_LEFT = f"""
INSERT INTO {LEFT} (id, practice_id, created_at, updated_at, payment_id, received_on, amount)
SELECT p.id, p.practice_id, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, p.id, p.booked_on, -NEW.amount
FROM billing_ledgerentry p WHERE p.id = {{payment}}
ON CONFLICT (payment_id) DO UPDATE SET amount = {LEFT}.amount + EXCLUDED.amount, updated_at = CURRENT_TIMESTAMP;
"""  # noqa: S608 - the same
SUM_UP_LEFT = f"""
INSERT INTO {LEFT} (id, practice_id, created_at, updated_at, payment_id, received_on, amount)
SELECT p.id, p.practice_id, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, p.id, p.booked_on,
  - p.amount - COALESCE((SELECT SUM(a.amount) FROM billing_allocation a WHERE a.payment_id = p.id), 0)
  - COALESCE((SELECT SUM(r.amount) FROM billing_ledgerentry r WHERE r.payment_id = p.id), 0)
FROM billing_ledgerentry p
WHERE p.kind = 'payment' AND p.patient_id IN ({{charts}})
ON CONFLICT (payment_id) DO UPDATE SET amount = EXCLUDED.amount;
"""  # noqa: S608 - the same
TRIGGERS = {  # what is kept: name, table, when, condition, what
    "open": (
        (
            "billing_open_by_entry",
            "billing_ledgerentry",
            "INSERT",
            "NEW.invoice_id IS NOT NULL",
            ADD_ENTRY.format(sign=""),
        ),
        ("billing_open_by_allocation", "billing_allocation", "INSERT", "TRUE", ADD_ENTRY.format(sign="-")),
        (
            *("billing_lines_when_issued", "billing_invoice", "UPDATE OF issued_at"),
            "OLD.issued_at IS NULL AND NEW.issued_at IS NOT NULL",
            COPY_LINES.format(which="i.id = NEW.id"),
        ),
    ),
    "left": (
        (
            *("billing_left_by_entry", "billing_ledgerentry", "INSERT", "NEW.kind IN ('payment', 'refund')"),
            ADD_TO_LEFT.format(payment="COALESCE(NEW.payment_id, NEW.id)"),
        ),
        (
            *("billing_left_by_allocation", "billing_allocation", "INSERT", "TRUE"),
            ADD_TO_LEFT.format(payment="NEW.payment_id"),
        ),
    ),
}


class KeepSums(Operation):
    """Lets the database keep what is "open" of invoices, with their issued lines, or "left" of payments. To be repeated
    where TRIGGERS have changed."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, what: str = "open") -> None:
        self.what = what

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.what], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.database_backwards(app_label, schema_editor, from_state, to_state)
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        for name, table, when, condition, what in TRIGGERS[self.what]:
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
        for name, table, *_others in TRIGGERS[self.what]:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{on.format(table=table)}", params=None)

    def describe(self) -> str:
        return f"What is {self.what} is kept"


def fill(apps: Any, schema_editor: Any) -> None:
    """Let open amounts and issued lines be what invoices and the ledger say; for RunPython."""
    _fill(apps, schema_editor.connection, SUM_UP, COPY_LINES.format(which="i.patient_id IN ({charts})"))


def fill_left(apps: Any, schema_editor: Any) -> None:
    """Let what is left of payments be what the ledger says; for RunPython."""
    _fill(apps, schema_editor.connection, SUM_UP_LEFT)


def fill_payers(apps: Any, schema_editor: Any, **invoices_with: Any) -> None:
    """Let open amounts name who pays, where it is not the patient; for RunPython, and of some invoices for a job. What
    was issued never changes, so nothing is locked."""
    kept, invoices = (apps.get_model("billing", name).objects for name in ("OpenAmount", "Invoice"))
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id), unreadable_marked():
            last = UUID(int=0)
            while some := list(
                invoices.filter(practice_id=practice_id, kind="invoice", issued_at__isnull=False, pk__gt=last)
                .filter(**invoices_with)
                .order_by("pk")
                .only("payer_name", "patient_name")[:AT_ONCE]
            ):
                last = some[-1].pk
                for invoice in some:
                    if invoice.payer_name != invoice.patient_name:
                        payer = payer_fingerprint(invoice.payer_name, practice_id=practice_id)
                        kept.filter(invoice_id=invoice.pk).update(payer=payer)


def _fill(apps: Any, connection: Any, *statements: str) -> None:
    charts = apps.get_model("patients", "Patient").objects
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id):
            # of charts merged during the first round the rows are elsewhere in the second
            for _round in range(2):
                moved = apps.get_model("billing", "LedgerEntry").objects.filter(practice_id=practice_id).order_by()
                for some in _parts(sorted(set(moved.values_list("patient_id", flat=True).distinct()))):
                    with transaction.atomic():
                        locked = charts.filter(pk__in=some).order_by("pk").select_for_update(no_key=True)
                        _run(connection, statements, list(locked.values_list("pk", flat=True)))


def _run(connection: Any, statements: Iterable[str], charts: list[Any]) -> None:
    places = ", ".join(["%s"] * len(charts))
    values = [pk if connection.features.has_native_uuid_field else pk.hex for pk in charts]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(charts=places), values)


def _parts(keys: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
