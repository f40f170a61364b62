"""Drafts of invoices that were removed and can be put back."""

from typing import Any

from django.db import migrations, models

from billing.append_only import KeepRows, KeepRowsOnTheWayBack
from core.database.vendor_sql import VendorSQL
from core.tenancy.scope import practice_scope

# The release before lists drafts that this one removed: it can't issue them.
NAME = "invoice_issued_is_there"
ISSUED_IS_THERE = models.CheckConstraint(
    condition=models.Q(("issued_at", None), ("removed_at", None), _connector="OR"), name=NAME
)
ADD_CHECK = f"""
ALTER TABLE billing_invoice ADD CONSTRAINT {NAME} CHECK (issued_at IS NULL OR removed_at IS NULL) NOT VALID
"""
DROP_CHECK = f"ALTER TABLE billing_invoice DROP CONSTRAINT {NAME}"


def rebuild_on_sqlite(apps: Any, schema_editor: Any) -> None:
    """Make the table as the state has it, with the constraint or, on the way back, without."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.add_constraint(apps.get_model("billing", "Invoice"), ISSUED_IS_THERE)


def forget_removed(apps: Any, schema_editor: Any) -> None:
    """On the way back: they would come to life again, and their visits may have been billed since."""
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id):
            rows = apps.get_model("billing", "Invoice").objects
            rows.filter(practice_id=practice_id, removed_at__isnull=False).delete()
    if schema_editor.connection.vendor == "postgresql":  # or the column can't be dropped
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [("billing", "0026_fill_credit_and_payers")]

    operations = [
        KeepRowsOnTheWayBack("Invoice", once="issued_at"),
        migrations.AddField(
            model_name="invoice",
            name="removed_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="removed at"),
        ),
        migrations.RunPython(migrations.RunPython.noop, rebuild_on_sqlite),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AddConstraint(model_name="invoice", constraint=ISSUED_IS_THERE)]
        ),
        migrations.RunPython(rebuild_on_sqlite, migrations.RunPython.noop),
        VendorSQL("postgresql", ADD_CHECK, DROP_CHECK),
        KeepRows("Invoice", once="issued_at"),
        migrations.RunPython(migrations.RunPython.noop, forget_removed),
    ]
