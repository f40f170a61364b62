"""Requests to lift a restriction together."""

import core.encryption.fields
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0017_duplicates'),
        ('practices', '0010_online_booking_policy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LiftRequest',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('reason', core.encryption.fields.EncryptedTextField(label='lift_request.reason', max_length=2000)),
                ('expires_at', models.DateTimeField()),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('patient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='patients.patient')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('patient',), name='lift_request_once')],
            },
        ),
        RowLevelSecurity("LiftRequest"),
    ]
