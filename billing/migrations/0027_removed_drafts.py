"""Drafts of invoices that were removed and can be put back."""

from typing import Any

from django.db import migrations, models

from billing.append_only import KeepRows, KeepRowsOnTheWayBack
from core.tenancy.scope import practice_scope


def forget_removed(apps: Any, schema_editor: Any) -> None:
    """On the way back: they would come to life again, and their visits may have been billed since."""
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id):
            rows = apps.get_model("billing", "Invoice").objects
            rows.filter(practice_id=practice_id, removed_at__isnull=False).delete()


class Migration(migrations.Migration):
    dependencies = [("billing", "0026_fill_credit_and_payers")]

    operations = [
        KeepRowsOnTheWayBack("Invoice", once="issued_at"),
        migrations.AddField(
            model_name="invoice",
            name="removed_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="removed at"),
        ),
        KeepRows("Invoice", once="issued_at"),
        migrations.RunPython(migrations.RunPython.noop, forget_removed),
    ]
