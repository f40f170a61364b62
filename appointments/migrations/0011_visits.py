"""What happened to a visit, its history, and the number of its last change (docs/adr/0038).

SQLite builds the table anew, so its triggers of 0007 are made again, as every later migration that does so has to
(tests/guards/test_constraints.py)."""

import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from core.database.vendor_sql import VendorSQL

OVERLAP = """
CREATE TRIGGER appointment_overlap_{name} BEFORE {event} ON appointments_appointment
WHEN NEW.status = 'scheduled' AND NEW.deletion_id IS NULL AND EXISTS (
    SELECT 1 FROM appointments_appointment
    WHERE doctor_id = NEW.doctor_id AND status = 'scheduled' AND deletion_id IS NULL AND id <> NEW.id
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN SELECT RAISE(ABORT, 'appointment_overlap'); END;
"""
OVERLAPS = OVERLAP.format(name="insert", event="INSERT") + OVERLAP.format(
    name="update", event="UPDATE OF doctor_id, starts_at, ends_at, status, deletion_id"
)
NO_OVERLAPS = "DROP TRIGGER IF EXISTS appointment_overlap_insert; DROP TRIGGER IF EXISTS appointment_overlap_update;"

# Which columns tell of a change that somebody can see: a re-encrypted text is none.
CHANGES = "UPDATE OF version, patient_id, deletion_id"
# Numbers are taken under a lock that is held until the transaction ends, so that within a practice they are in the
# order of the commits: whoever has read up to a number will never find a lower one that is new.
POSTGRESQL = f"""
CREATE SEQUENCE appointments_change;
CREATE FUNCTION appointment_number_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('appointments_change ' || NEW.practice_id, 0));
  NEW.change_number := nextval('appointments_change');
  NEW.changed_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER appointment_numbered BEFORE INSERT OR {CHANGES} ON appointments_appointment
  FOR EACH ROW EXECUTE FUNCTION appointment_number_change();
"""
POSTGRESQL_REVERSE = """
DROP TRIGGER appointment_numbered ON appointments_appointment;
DROP FUNCTION appointment_number_change;
DROP SEQUENCE appointments_change;
"""
NUMBERED = """
CREATE TRIGGER appointment_numbered_{name} AFTER {event} ON appointments_appointment
BEGIN
  UPDATE appointments_change SET number = number + 1;
  UPDATE appointments_appointment
    SET change_number = (SELECT number FROM appointments_change), changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
    WHERE id = NEW.id;
END;
"""
SQLITE = (
    "CREATE TABLE appointments_change (number INTEGER NOT NULL); INSERT INTO appointments_change VALUES (0);"
    + NUMBERED.format(name="insert", event="INSERT")
    + NUMBERED.format(name="update", event=CHANGES)
)
SQLITE_REVERSE = """
DROP TRIGGER IF EXISTS appointment_numbered_insert;
DROP TRIGGER IF EXISTS appointment_numbered_update;
DROP TABLE appointments_change;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('appointments', '0010_row_security_of_schedules'),
        ('patients', '0010_labels'),
        ('practices', '0010_online_booking_policy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        VendorSQL("sqlite", NO_OVERLAPS, OVERLAPS),
        migrations.CreateModel(
            name='AppointmentEvent',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('what', models.CharField(choices=[('booked', 'Booked'), ('moved', 'Moved'), ('edited', 'Changed'), ('confirmed', 'Confirmed'), ('arrived', 'Arrived'), ('started', 'Started'), ('finished', 'Finished'), ('no_show', 'No-show'), ('cancelled', 'Cancelled'), ('reopened', 'Reopened'), ('undone', 'Taken back'), ('deleted', 'Deleted'), ('restored', 'Restored')], max_length=10)),
                ('details', models.JSONField(default=dict)),
            ],
            options={
                'verbose_name': 'change of a visit',
                'verbose_name_plural': 'changes of visits',
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='appointment',
            name='arrived_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='arrived'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='cancel_reason',
            field=models.CharField(blank=True, choices=[('patient_asked', 'The patient asked'), ('patient_ill', 'The patient is ill'), ('practice', 'The practice'), ('doctor_away', 'The doctor is away'), ('weather', 'Weather'), ('other', 'Other')], default='', editable=False, max_length=20, verbose_name='why it was cancelled'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='cancelled_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='cancelled'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='cancelled_late',
            field=models.BooleanField(editable=False, null=True, verbose_name='cancelled late'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='change_number',
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='appointment',
            name='changed_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name='appointment',
            name='confirmed_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='confirmed'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='finished_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='finished'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='no_show_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='no-show'),
        ),
        migrations.AddField(
            model_name='appointment',
            name='started_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='started'),
        ),
        migrations.AddIndex(
            model_name='appointment',
            index=models.Index(fields=['practice', 'change_number'], name='appointment_change'),
        ),
        migrations.AddIndex(
            model_name='appointment',
            index=models.Index(fields=['practice', 'changed_at'], name='appointment_changed_at'),
        ),
        migrations.AddConstraint(
            model_name='appointment',
            constraint=models.CheckConstraint(condition=models.Q(('cancel_reason__in', ['', 'patient_asked', 'patient_ill', 'practice', 'doctor_away', 'weather', 'other'])), name='appointment_cancel_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='appointment',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'cancelled'), models.Q(('cancel_reason', ''), ('cancelled_at', None), ('cancelled_late', None)), _connector='OR'), name='appointment_cancelled_at_all'),
        ),
        migrations.AddConstraint(
            model_name='appointment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'scheduled'), _negated=True), ('finished_at', None), _connector='OR'), name='appointment_finished_at_all'),
        ),
        migrations.AddConstraint(
            model_name='appointment',
            constraint=models.CheckConstraint(condition=models.Q(('no_show_at', None), models.Q(('arrived_at', None), ('finished_at', None), ('started_at', None)), _connector='OR'), name='appointment_came_or_not'),
        ),
        migrations.AddField(
            model_name='appointmentevent',
            name='appointment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='appointments.appointment'),
        ),
        migrations.AddField(
            model_name='appointmentevent',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='appointmentevent',
            name='practice',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.practice'),
        ),
        migrations.AddConstraint(
            model_name='appointmentevent',
            constraint=models.CheckConstraint(condition=models.Q(('what__in', ['booked', 'moved', 'edited', 'confirmed', 'arrived', 'started', 'finished', 'no_show', 'cancelled', 'reopened', 'undone', 'deleted', 'restored'])), name='appointment_event_known'),
        ),
        VendorSQL("sqlite", OVERLAPS, NO_OVERLAPS),
        VendorSQL("sqlite", SQLITE, SQLITE_REVERSE),
        VendorSQL("postgresql", POSTGRESQL, POSTGRESQL_REVERSE),
    ]
