"""Row-level security, and the triggers that keep the ledger and what was issued (docs/adr/0041)."""

from django.db import migrations

from billing.append_only import KeepLines, KeepRows
from core.tenancy.row_level_security import RowLevelSecurity

MODELS = ("Service", "ServicePrice", "ServiceOfType", "Invoice", "InvoiceLine", "LedgerEntry", "Allocation")


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_prices_invoices_ledger")]
    operations = [
        *(RowLevelSecurity(model) for model in MODELS),
        KeepRows("ServicePrice"),
        KeepRows("Invoice", once="issued_at"),
        KeepLines(),
        KeepRows("LedgerEntry"),
        KeepRows("Allocation"),
    ]
