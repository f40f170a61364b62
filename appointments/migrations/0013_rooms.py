"""Rooms. Scheduled visits in one never overlap, said by the database as for doctors (0006, 0007). A later change of the
table of appointments on SQLite that builds it anew must create these triggers again too."""

import core.texts
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid_utils.compat
from django.db import migrations, models

from core.database.vendor_sql import VendorSQL
from core.tenancy.row_level_security import RowLevelSecurity

POSTGRESQL = """
    ALTER TABLE appointments_appointment ADD CONSTRAINT room_overlap
        EXCLUDE USING gist (room_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status = 'scheduled' AND deletion_id IS NULL AND room_id IS NOT NULL);
"""
TRIGGER = """
CREATE TRIGGER room_overlap_{name} BEFORE {event} ON appointments_appointment
WHEN NEW.status = 'scheduled' AND NEW.deletion_id IS NULL AND NEW.room_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM appointments_appointment
    WHERE room_id = NEW.room_id AND status = 'scheduled' AND deletion_id IS NULL AND id <> NEW.id
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN SELECT RAISE(ABORT, 'room_overlap'); END;
"""
INSERT = TRIGGER.format(name="insert", event="INSERT")
UPDATE = TRIGGER.format(name="update", event="UPDATE OF room_id, starts_at, ends_at, status, deletion_id")


class Migration(migrations.Migration):

    dependencies = [
        ('appointments', '0012_row_security_of_history'),
        ('practices', '0010_online_booking_policy'),
    ]

    operations = [
        migrations.CreateModel(
            name='Room',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=100, validators=[core.texts.validate_line], verbose_name='name')),
                ('is_active', models.BooleanField(default=True, help_text='When off, nobody can book it any more.', verbose_name='in use')),
                ('office', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.office', verbose_name='office')),
                ('practice', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice')),
            ],
            options={
                'verbose_name': 'room',
                'verbose_name_plural': 'rooms',
                'ordering': ['name', 'id'],
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='appointment',
            name='room',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='appointments.room', verbose_name='room'),
        ),
        migrations.AddConstraint(
            model_name='room',
            constraint=models.UniqueConstraint(models.F('practice'), models.F('office'), django.db.models.functions.text.Lower('name'), name='room_name'),
        ),
        RowLevelSecurity("Room"),
        VendorSQL("postgresql", POSTGRESQL, "ALTER TABLE appointments_appointment DROP CONSTRAINT room_overlap;"),
        VendorSQL("sqlite", INSERT + UPDATE, "DROP TRIGGER room_overlap_insert; DROP TRIGGER room_overlap_update;"),
    ]
