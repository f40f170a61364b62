"""No migration since the mark keeps people waiting: none rewrites a table that has rows, reads it through under a lock,
or takes away what the release before still asks for. What must be done nevertheless says so in KNOWN, with the reason.

django-migration-linter (6.0) looks at Django's operations and knows some of these; it neither sees row-level security,
triggers and the other SQL of ours, nor tells a table made in the same migration from one that is there."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]  # its SQL
BEFORE_MARK = {  # the last migration of each app of the release before; later ones are read
    "accounts": "0019_language_of_a_person",
    "appointments": "0018_versions",
    "audit": "0004_indexes_for_reading",
    "backups": "0001_runs",
    "billing": "0022_claims_and_fees",
    "idempotency": "0001_kept_answer",
    "notifications": "0020_webhooks",
    "patients": "0018_lift_requests",
    "practices": "0015_language_of_a_practice",
    "records": "0021_row_security_of_forms",
}
KNOWN = {  # "app.0042_name: the rule": "the reason"
    "records.0023_photos_and_removed_templates: keeps writers out: an index without CONCURRENTLY": (
        "tables of templates and phrases: a few dozen rows for each practice"
    ),
    "practices.0017_billing_settings: reads the table under a lock: a constraint that is not NOT VALID": (
        "a row for each practice"
    ),
}
TABLE = r'(?:IF EXISTS )?(?:ONLY )?(?:"?public"?\.)?"?(?P<table>\w+)"?'
VOLATILE = r"\b(?:now|random|gen_random_uuid|uuid_generate_v\d|clock_timestamp|timeofday|nextval)\("
RULES = {
    "rewrites the table: another type": rf"ALTER TABLE {TABLE} .*ALTER COLUMN \S+ (?:SET DATA )?TYPE\b",
    "rewrites the table: a default that differs by row": rf"ALTER TABLE {TABLE} .*ADD COLUMN .*DEFAULT .*{VOLATILE}",
    "rewrites the table: in another order": rf"(?:CLUSTER|VACUUM FULL) {TABLE}",
    "keeps writers out: an index without CONCURRENTLY": rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).* ON {TABLE}",
    "reads the table under a lock: NOT NULL": rf"ALTER TABLE {TABLE} .*ALTER COLUMN \S+ SET NOT NULL",
    "reads the table under a lock: a constraint that is not NOT VALID": (
        rf"ALTER TABLE {TABLE} .*ADD CONSTRAINT (?!.*NOT VALID)(?!.*USING INDEX)"
    ),
    "takes what the release before asks for": (
        rf"ALTER TABLE {TABLE} .*(?:DROP COLUMN|RENAME)|DROP TABLE {TABLE.replace('table', 'other')}"
    ),
    "changes every row": rf"^UPDATE {TABLE} SET",
}


def faults(sql: str) -> list[str]:
    """Return the rules that the statements break. A table that they make themselves has no rows."""
    statements = [" ".join(one.split()) for one in re.sub(r"--.*", "", sql).split(";")]
    made = {match["table"] for one in statements if (match := re.match(rf"CREATE TABLE {TABLE}", one))}
    found = []
    for statement in statements:
        for rule, pattern in RULES.items():
            match = re.search(pattern, statement, re.I)
            if match and not {name for name in match.groupdict().values() if name} <= made:
                found.append(rule)
    return found


def test_no_migration_since_the_mark_keeps_people_waiting(subtests):
    loader = MigrationLoader(connection)
    newer = sorted(node for node in loader.disk_migrations if node[0] in BEFORE_MARK and node[1] > BEFORE_MARK[node[0]])
    for app, name in newer:
        with subtests.test(migration=f"{app}.{name}"):
            out = StringIO()
            call_command("sqlmigrate", app, name, stdout=out)
            assert [rule for rule in faults(out.getvalue()) if f"{app}.{name}: {rule}" not in KNOWN] == []


def test_every_app_of_ours_has_its_mark():
    ours = {app for app, _ in MigrationLoader(None).graph.nodes} - OF_DJANGO
    assert ours - set(BEFORE_MARK) == set()


OF_DJANGO = {"admin", "auth", "contenttypes", "sessions", "axes", "auditlog"}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ('ALTER TABLE "a" ALTER COLUMN "b" TYPE bigint USING "b"::bigint;', "another type"),
        ('ALTER TABLE "a" ADD COLUMN "b" uuid DEFAULT gen_random_uuid() NOT NULL;', "a default that differs by row"),
        ('CREATE INDEX "i" ON "a" ("b");', "an index without CONCURRENTLY"),
        ('CREATE UNIQUE INDEX "i" ON "a" ("b") WHERE "c";', "an index without CONCURRENTLY"),
        ('ALTER TABLE "a" ALTER COLUMN "b" SET NOT NULL;', "NOT NULL"),
        ('ALTER TABLE "a" ADD CONSTRAINT "c" CHECK ("b" > 0);', "a constraint that is not NOT VALID"),
        ('ALTER TABLE "a" ADD CONSTRAINT "c" FOREIGN KEY ("b") REFERENCES "d" ("id");', "a constraint that is not NOT"),
        ('ALTER TABLE "a" DROP COLUMN "b" CASCADE;', "takes what the release before"),
        ('ALTER TABLE "a" RENAME COLUMN "b" TO "c";', "takes what the release before"),
        ('DROP TABLE "a" CASCADE;', "takes what the release before"),
        ("UPDATE a SET b = 1;", "changes every row"),
    ],
)
def test_statement_that_keeps_people_waiting_is_found(sql, rule):
    assert any(rule in found for found in faults(f"BEGIN;\n--\n-- what it is\n--\n{sql}\nCOMMIT;"))


@pytest.mark.parametrize(
    "sql",
    [
        'CREATE TABLE "a" ("b" int); CREATE INDEX "i" ON "a" ("b"); ALTER TABLE "a" ADD CONSTRAINT "c" CHECK (x);',
        'ALTER TABLE "a" ADD COLUMN "b" integer DEFAULT 0 NOT NULL;',
        'ALTER TABLE "a" ALTER COLUMN "b" DROP DEFAULT;',
        'CREATE INDEX CONCURRENTLY "i" ON "a" ("b");',
        'ALTER TABLE "a" ADD CONSTRAINT "c" CHECK ("b" > 0) NOT VALID;',
        'ALTER TABLE "a" VALIDATE CONSTRAINT "c";',
    ],
)
def test_statement_that_keeps_nobody_waiting_is_not(sql):
    assert faults(sql) == []
