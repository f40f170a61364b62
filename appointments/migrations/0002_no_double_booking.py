"""One doctor's scheduled appointments never overlap, said by the database: an exclusion constraint on PostgreSQL,
two triggers on SQLite. A later change of this table on SQLite rebuilds it without its triggers: such a migration
must create them anew (tests/guards/test_constraints.py fails when one forgets)."""

from django.db import migrations

from core.database.vendor_sql import VendorSQL

OVERLAPS = """
    SELECT 1 FROM appointments_appointment
    WHERE doctor_id = NEW.doctor_id AND status = 'scheduled' AND id <> NEW.id
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
"""
TRIGGER = """
CREATE TRIGGER appointment_overlap_{name} BEFORE {event} ON appointments_appointment
WHEN NEW.status = 'scheduled' AND EXISTS ({overlaps})
BEGIN SELECT RAISE(ABORT, 'appointment_overlap'); END;
"""


class Migration(migrations.Migration):
    dependencies = [("appointments", "0001_initial")]

    operations = [
        VendorSQL(
            "postgresql",
            """
            CREATE EXTENSION IF NOT EXISTS btree_gist;
            ALTER TABLE appointments_appointment ADD CONSTRAINT appointment_overlap
                EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
                WHERE (status = 'scheduled');
            """,
            "ALTER TABLE appointments_appointment DROP CONSTRAINT appointment_overlap;",
        ),
        VendorSQL(
            "sqlite",
            TRIGGER.format(name="insert", event="INSERT", overlaps=OVERLAPS)
            + TRIGGER.format(name="update", event="UPDATE OF doctor_id, starts_at, ends_at, status", overlaps=OVERLAPS),
            "DROP TRIGGER appointment_overlap_insert; DROP TRIGGER appointment_overlap_update;",
        ),
    ]
