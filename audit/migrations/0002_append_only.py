"""What the database itself does for the trail: it refuses UPDATE, DELETE and TRUNCATE, notes each new event as unsealed
and whom it tells of, and on PostgreSQL shows a practice its own events alone (row-level security; the installation's
scope, the nil UUID, reaches all)."""

from django.db import migrations

KEPT = ("audit_event", "audit_subject", "audit_seal")
WITH_PRACTICE = (*KEPT, "audit_unsealed")
SCOPE = "(SELECT nullif(current_setting('praxis.practice', true), '')::uuid)"
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"

POSTGRESQL = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The trail is append-only: % of % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION audit_event_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealed (event_id, practice_id) VALUES (NEW.id, NEW.practice_id);
  IF NEW.patients <> '[]' THEN
    INSERT INTO audit_subject (practice_id, patient_id, event_id)
      SELECT NEW.practice_id, patient::uuid, NEW.id FROM jsonb_array_elements_text(NEW.patients::jsonb) AS patient;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_event_added AFTER INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_added();
"""
POSTGRESQL_KEPT = """
CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""
POSTGRESQL_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY practice_wall ON {table} USING (practice_id = {scope} OR {scope} = {nobody});
"""
POSTGRESQL_REVERSE = """
DROP TRIGGER audit_event_added ON audit_event;
DROP TRIGGER audit_event_kept ON audit_event;
DROP TRIGGER audit_event_not_emptied ON audit_event;
DROP TRIGGER audit_subject_kept ON audit_subject;
DROP TRIGGER audit_subject_not_emptied ON audit_subject;
DROP TRIGGER audit_seal_kept ON audit_seal;
DROP TRIGGER audit_seal_not_emptied ON audit_seal;
DROP FUNCTION audit_event_added;
DROP FUNCTION audit_refuse;
"""
SQLITE = [
    """
CREATE TRIGGER audit_event_added AFTER INSERT ON audit_event BEGIN
  INSERT INTO audit_unsealed (event_id, practice_id) VALUES (NEW.id, NEW.practice_id);
  INSERT INTO audit_subject (practice_id, patient_id, event_id)
    SELECT NEW.practice_id, replace(value, '-', ''), NEW.id FROM json_each(NEW.patients);
END
"""
]
SQLITE_KEPT = [
    """
CREATE TRIGGER {table}_not_updated BEFORE UPDATE ON {table} BEGIN
  SELECT RAISE(ABORT, 'The trail is append-only: UPDATE of {table} is refused.');
END
""",
    """
CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table} BEGIN
  SELECT RAISE(ABORT, 'The trail is append-only: DELETE of {table} is refused.');
END
""",
]
# INSERT OR REPLACE deletes what is there without asking the trigger above.
SQLITE_NOT_REPLACED = [
    """
CREATE TRIGGER audit_event_not_replaced BEFORE INSERT ON audit_event
WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id) BEGIN
  SELECT RAISE(ABORT, 'The trail is append-only: REPLACE of audit_event is refused.');
END
""",
    """
CREATE TRIGGER audit_seal_not_replaced BEFORE INSERT ON audit_seal
WHEN EXISTS (
  SELECT 1 FROM audit_seal WHERE id = NEW.id OR (practice_id = NEW.practice_id AND number = NEW.number)
) BEGIN
  SELECT RAISE(ABORT, 'The trail is append-only: REPLACE of audit_seal is refused.');
END
""",
]


def statements(vendor):
    if vendor == "postgresql":
        kept = [POSTGRESQL_KEPT.format(table=table) for table in KEPT]
        walls = [POSTGRESQL_WALL.format(table=table, scope=SCOPE, nobody=NOBODY) for table in WITH_PRACTICE]
        return [POSTGRESQL, *kept, *walls]
    kept = [sql.format(table=table) for table in KEPT for sql in SQLITE_KEPT]
    return [*SQLITE, *kept, *SQLITE_NOT_REPLACED]


def forwards(apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL_REVERSE, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
