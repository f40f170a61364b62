"""What reports are read from (billing/kept_sums.py). Migration 0024 fills it for what is there already."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from billing.append_only import KeepRows
from billing.kept_sums import KeepSums
from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0022_claims_and_fees'),
        ('practices', '0015_language_of_a_practice'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='IssuedLine',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('issued_on', models.DateField(verbose_name='issued on')),
                ('kind', models.CharField(choices=[('invoice', 'Invoice'), ('credit_note', 'Credit note')], max_length=11, verbose_name='kind')),
                ('total', models.BigIntegerField(verbose_name='total')),
                ('doctor', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='doctor')),
                ('line', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='issued', to='billing.invoiceline', verbose_name='line of an invoice')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
                ('service', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.service', verbose_name='service')),
            ],
            options={
                'verbose_name': 'issued line',
                'verbose_name_plural': 'issued lines',
                'abstract': False,
                'indexes': [models.Index(fields=['practice', 'issued_on', 'doctor', 'service', 'kind', 'total'], name='issued_line_sums')],
            },
        ),
        migrations.CreateModel(
            name='OpenAmount',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('issued_on', models.DateField(verbose_name='issued on')),
                ('due_on', models.DateField(null=True, verbose_name='due on')),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='kept_open', to='billing.invoice', verbose_name='invoice')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'verbose_name': 'open amount',
                'verbose_name_plural': 'open amounts',
                'abstract': False,
                'indexes': [models.Index(condition=models.Q(('amount__gt', 0)), fields=['practice', 'issued_on', 'invoice', 'amount'], name='open_by_age'), models.Index(condition=models.Q(('amount__gt', 0)), fields=['practice', 'due_on', 'invoice', 'amount'], name='open_by_due_day')],
            },
        ),
        RowLevelSecurity("IssuedLine"),
        RowLevelSecurity("OpenAmount"),
        KeepRows("IssuedLine"),
        KeepSums(),
    ]
