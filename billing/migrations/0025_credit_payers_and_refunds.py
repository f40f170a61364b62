"""What is left of payments and who pays, kept for reports, and refunds that are under way. Migration 0026 fills it."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from billing.kept_sums import KeepSums
from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0024_fill_open_amounts'),
        ('practices', '0017_billing_settings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='openamount',
            name='payer',
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.CreateModel(
            name='LeftAmount',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('received_on', models.DateField(verbose_name='day')),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('payment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='kept_left', to='billing.ledgerentry', verbose_name='payment')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'verbose_name': 'credit of a payment',
                'verbose_name_plural': 'credits of payments',
                'abstract': False,
                'indexes': [models.Index(condition=models.Q(('amount__gt', 0)), fields=['practice', 'received_on', 'payment', 'amount'], name='left_by_day')],
            },
        ),
        migrations.CreateModel(
            name='OnlineRefund',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='asked_refunds', to='billing.ledgerentry', verbose_name='payment')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'verbose_name': 'refund under way',
                'verbose_name_plural': 'refunds under way',
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('practice', 'payment'), name='online_refund_one_at_a_time'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='online_refund_of_something')],
            },
        ),
        RowLevelSecurity("LeftAmount"),
        RowLevelSecurity("OnlineRefund"),
        KeepSums("left"),
    ]
