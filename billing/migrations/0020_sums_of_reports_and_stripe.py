"""Indexes that reports are summed from, and payments through Stripe. The changed column builds the ledger's table anew in
SQLite, without its triggers."""

from django.db import migrations, models

from billing.append_only import KeepRows


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_what_is_kept")]

    operations = [
        migrations.RemoveConstraint(
            model_name='ledgerentry',
            name='ledger_method_known',
        ),
        migrations.AlterField(
            model_name='ledgerentry',
            name='method',
            field=models.CharField(blank=True, choices=[('cash', 'Cash'), ('card', 'Card'), ('transfer', 'Bank transfer'), ('cheque', 'Cheque'), ('insurance', 'Insurance'), ('stripe', 'Online by card')], default='', max_length=9, verbose_name='method'),
        ),
        migrations.AddIndex(
            model_name='allocation',
            index=models.Index(fields=['practice', 'invoice', 'amount'], name='allocation_sums'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['practice', 'booked_on', 'kind', 'method', 'amount'], name='ledger_sums'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['practice', 'invoice', 'kind', 'amount'], name='ledger_of_invoice_sums'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.CheckConstraint(condition=models.Q(('method__in', ['', 'cash', 'card', 'transfer', 'cheque', 'insurance', 'stripe'])), name='ledger_method_known'),
        ),
        KeepRows("LedgerEntry"),
    ]
