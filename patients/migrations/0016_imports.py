"""Imports of other programs' files."""


import core.encryption.fields
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0012_row_security_and_incomplete_charts'),
        ('practices', '0010_online_booking_policy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(choices=[('patients', 'Patients'), ('appointments', 'Appointments')], max_length=12)),
                ('state', models.CharField(choices=[('read', 'To be matched'), ('checking', 'Being checked'), ('checked', 'Checked'), ('running', 'Being imported'), ('done', 'Imported'), ('undoing', 'Being undone'), ('undone', 'Undone')], default='read', max_length=10)),
                ('file_name', core.encryption.fields.EncryptedCharField(blank=True, label='import.file_name', max_length=255)),
                ('encoding', models.CharField(max_length=20)),
                ('separator', models.CharField(max_length=1)),
                ('quoted', models.BooleanField(default=False)),
                ('columns', core.encryption.fields.EncryptedJsonField(label='import.columns')),
                ('lines', models.PositiveIntegerField(default=0)),
                ('parts_count', models.PositiveIntegerField(default=0)),
                ('mapping', models.JSONField(default=dict)),
                ('date_order', models.CharField(blank=True, choices=[('dmy', 'The day first: 31/12/1980'), ('mdy', 'The month first: 12/31/1980'), ('ymd', 'The year first: 1980-12-31')], max_length=3)),
                ('position', models.PositiveIntegerField(default=0)),
                ('finished_at', models.DateTimeField(null=True)),
                ('emptied_at', models.DateTimeField(null=True)),
                ('doctor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'verbose_name': 'import',
                'verbose_name_plural': 'imports',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ImportLine',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('ready', 'Will be imported'), ('wrong', 'Something is wrong'), ('double', 'May be here already'), ('same', 'Is here already'), ('made', 'Imported'), ('undone', 'Taken back'), ('kept', 'Changed since, so kept')], max_length=10)),
                ('row_id', models.UUIDField(null=True)),
                ('person', models.BigIntegerField(null=True)),
                ('number_key', models.BigIntegerField(null=True)),
                ('report', core.encryption.fields.EncryptedJsonField(label='import_line.report', null=True)),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='patients.import')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ImportMapping',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('kind', models.CharField(choices=[('patients', 'Patients'), ('appointments', 'Appointments')], max_length=12)),
                ('fields', core.encryption.fields.EncryptedJsonField(label='import_mapping.fields')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ImportPart',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('number', models.PositiveIntegerField()),
                ('rows', core.encryption.fields.EncryptedJsonField(label='import_part.rows')),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='patients.import')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='import',
            index=models.Index(fields=['practice', 'id'], name='import_page'),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['patients', 'appointments'])), name='import_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['read', 'checking', 'checked', 'running', 'done', 'undoing', 'undone'])), name='import_state_known'),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.CheckConstraint(condition=models.Q(('date_order__in', ['', 'dmy', 'mdy', 'ymd'])), name='import_date_order_known'),
        ),
        migrations.AddIndex(
            model_name='importline',
            index=models.Index(fields=['of', 'state', 'number'], name='import_line_state'),
        ),
        migrations.AddIndex(
            model_name='importline',
            index=models.Index(fields=['of', 'person'], name='import_line_person'),
        ),
        migrations.AddIndex(
            model_name='importline',
            index=models.Index(condition=models.Q(('number_key__isnull', False)), fields=['practice', 'number_key'], name='import_line_number_key'),
        ),
        migrations.AddConstraint(
            model_name='importline',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['ready', 'wrong', 'double', 'same', 'made', 'undone', 'kept'])), name='import_line_state_known'),
        ),
        migrations.AddConstraint(
            model_name='importline',
            constraint=models.UniqueConstraint(fields=('of', 'number'), name='import_line_once'),
        ),
        migrations.AddConstraint(
            model_name='importmapping',
            constraint=models.UniqueConstraint(fields=('practice', 'kind'), name='import_mapping_once'),
        ),
        migrations.AddConstraint(
            model_name='importpart',
            constraint=models.UniqueConstraint(fields=('of', 'number'), name='import_part_once'),
        ),
        RowLevelSecurity("Import"),
        RowLevelSecurity("ImportPart"),
        RowLevelSecurity("ImportLine"),
        RowLevelSecurity("ImportMapping"),
    ]
