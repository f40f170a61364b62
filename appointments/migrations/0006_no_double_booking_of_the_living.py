"""A deleted appointment takes no slot: the walls of 0002 once more, without those."""

from django.db import migrations

from core.database.vendor_sql import VendorSQL

ANY = "status = 'scheduled'"
LIVING = "status = 'scheduled' AND deletion_id IS NULL"
POSTGRESQL = """
    ALTER TABLE appointments_appointment DROP CONSTRAINT appointment_overlap;
    ALTER TABLE appointments_appointment ADD CONSTRAINT appointment_overlap
        EXCLUDE USING gist (doctor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE ({which});
"""
TRIGGER = """
DROP TRIGGER appointment_overlap_{name};
CREATE TRIGGER appointment_overlap_{name} BEFORE {event} ON appointments_appointment
WHEN {new} AND EXISTS (
    SELECT 1 FROM appointments_appointment
    WHERE doctor_id = NEW.doctor_id AND {which} AND id <> NEW.id
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN SELECT RAISE(ABORT, 'appointment_overlap'); END;
"""


def triggers(which: str, columns: str) -> str:
    new = which.replace("status", "NEW.status").replace("deletion_id", "NEW.deletion_id")
    return TRIGGER.format(name="insert", event="INSERT", new=new, which=which) + TRIGGER.format(
        name="update", event=f"UPDATE OF {columns}", new=new, which=which
    )


class Migration(migrations.Migration):
    dependencies = [("appointments", "0005_deletion")]

    operations = [
        VendorSQL("postgresql", POSTGRESQL.format(which=LIVING), POSTGRESQL.format(which=ANY)),
        VendorSQL(
            "sqlite",
            triggers(LIVING, "doctor_id, starts_at, ends_at, status, deletion_id"),
            triggers(ANY, "doctor_id, starts_at, ends_at, status"),
        ),
    ]
