"""The version of an appointment. SQLite builds the table anew for it, so its triggers of 0006 are made again."""

from django.db import migrations, models

from core.database.vendor_sql import VendorSQL

TRIGGER = """
CREATE TRIGGER appointment_overlap_{name} BEFORE {event} ON appointments_appointment
WHEN NEW.status = 'scheduled' AND NEW.deletion_id IS NULL AND EXISTS (
    SELECT 1 FROM appointments_appointment
    WHERE doctor_id = NEW.doctor_id AND status = 'scheduled' AND deletion_id IS NULL AND id <> NEW.id
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN SELECT RAISE(ABORT, 'appointment_overlap'); END;
"""
INSERT = TRIGGER.format(name="insert", event="INSERT")
UPDATE = TRIGGER.format(name="update", event="UPDATE OF doctor_id, starts_at, ends_at, status, deletion_id")
DROP = "DROP TRIGGER IF EXISTS appointment_overlap_insert; DROP TRIGGER IF EXISTS appointment_overlap_update;"


class Migration(migrations.Migration):
    dependencies = [("appointments", "0006_no_double_booking_of_the_living")]

    operations = [
        VendorSQL("sqlite", DROP, INSERT + UPDATE),
        migrations.AddField(
            model_name="appointment",
            name="version",
            field=models.PositiveIntegerField(default=1, editable=False),
        ),
        migrations.AddField(
            model_name="appointment",
            name="last_writes",
            field=models.JSONField(default=dict, editable=False),
        ),
        VendorSQL("sqlite", INSERT + UPDATE, DROP),
    ]
