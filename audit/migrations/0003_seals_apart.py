"""A seal also names the events that are dated ahead of its clock, and SQLite's REPLACE is refused by the hidden rowid too,
which every table has beside its key."""

from django.db import migrations

KEYS = {
    "audit_event": "id = NEW.id",
    "audit_subject": "practice_id = NEW.practice_id AND patient_id = NEW.patient_id AND event_id = NEW.event_id",
    "audit_seal": "id = NEW.id OR (practice_id = NEW.practice_id AND number = NEW.number)",
}
NOT_REPLACED = """
CREATE TRIGGER {table}_not_replaced BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {key}) OR EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid) BEGIN
  SELECT RAISE(ABORT, 'The trail is append-only: REPLACE of {table} is refused.');
END
"""


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for table, key in KEYS.items():
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_not_replaced", params=None)
            schema_editor.execute(NOT_REPLACED.format(table=table, key=key), params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        migrations.RenameField("Seal", "late", "apart"),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
