"""Checks that the tables hold values exactly as Praxis writes them. SQLite compares ids as text, so an id in capitals
would be found in no list; and a value that the driver cannot read would crash the verification."""

from django.db import connection, models

from audit.models import Event, Seal, Subject, Unsealed
from audit.seals.log_reader import Finding

HEX = "(typeof({0}) = 'text' AND length({0}) = 32 AND {0} NOT GLOB '*[^0-9a-f]*')"
DAY, TIME = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]", "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
FRACTION = "[0-9]" * 6
MOMENT = f"({{0}} GLOB '{DAY} {TIME}' OR {{0}} GLOB '{DAY} {TIME}.{FRACTION}')"
SQLITE = {
    "UUIDField": HEX,
    "DateTimeField": MOMENT,
    "BinaryField": "typeof({0}) = 'blob'",
    "CharField": "typeof({0}) = 'text'",
    "TextField": "typeof({0}) = 'text'",
    "PositiveIntegerField": "typeof({0}) = 'integer'",
    "PositiveBigIntegerField": "typeof({0}) = 'integer'",
}
POSTGRESQL = {"DateTimeField": "{0} BETWEEN '1970-01-01' AND '9999-12-31'"}  # the range of a datetime


def find_malformed_row() -> Finding | None:
    """Return a finding for a row with a malformed value, if there is one."""
    forms = SQLITE if connection.vendor == "sqlite" else POSTGRESQL
    for model in (Event, Seal, Subject, Unsealed):
        table, fields = model._meta.db_table, model._meta.concrete_fields
        tests = [_test(field, forms[kind]) for field in fields if (kind := field.get_internal_type()) in forms]
        if not tests:
            continue
        key = str(fields[0].column)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT CAST({key} AS varchar) FROM {table} WHERE NOT ({' AND '.join(tests)}) LIMIT 1")  # noqa: S608 - fixed names
            found = cursor.fetchone()
        if found:
            return Finding(table, found[0], "a column holds a value that Praxis never writes")
    return None


def _test(field: "models.Field[object, object]", form: str) -> str:
    test = form.format(field.column)
    return f"({field.column} IS NULL OR {test})" if field.null else f"({field.column} IS NOT NULL AND {test})"
