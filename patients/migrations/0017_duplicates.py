"""Pairs of charts that may be of one person."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0016_imports'),
        ('practices', '0010_online_booking_policy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DuplicatePair',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('reasons', models.JSONField()),
            ],
            options={
                'verbose_name': 'possible duplicate',
                'verbose_name_plural': 'possible duplicates',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DuplicateSearch',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('changed_at', models.DateTimeField(null=True)),
                ('chart_id', models.UUIDField(null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='patient',
            index=models.Index(fields=['practice', 'updated_at', 'id'], name='patient_changed'),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='dismissed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='one',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='patients.patient'),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='other',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='patients.patient'),
        ),
        migrations.AddField(
            model_name='duplicatepair',
            name='practice',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice'),
        ),
        migrations.AddField(
            model_name='duplicatesearch',
            name='practice',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice'),
        ),
        migrations.AddIndex(
            model_name='duplicatepair',
            index=models.Index(condition=models.Q(('dismissed_by', None)), fields=['practice', 'id'], name='duplicate_open'),
        ),
        migrations.AddConstraint(
            model_name='duplicatepair',
            constraint=models.UniqueConstraint(fields=('one', 'other'), name='duplicate_pair_once'),
        ),
        migrations.AddConstraint(
            model_name='duplicatepair',
            constraint=models.CheckConstraint(condition=models.Q(('one__lt', models.F('other'))), name='duplicate_pair_in_order'),
        ),
        migrations.AddConstraint(
            model_name='duplicatesearch',
            constraint=models.UniqueConstraint(fields=('practice',), name='duplicate_search_once'),
        ),
        RowLevelSecurity("DuplicatePair"),
        RowLevelSecurity("DuplicateSearch"),
    ]
