"""Values that read as what was written, or cannot be read at all, are found and named (docs/adr/0009)."""

import pytest
from django.db import connection
from uuid_utils.compat import uuid7

from audit.models import Event, Seal
from audit.seals.storage_format import find_malformed_row
from audit.seals.verify import Tampered
from audit.tests.trails import let_the_owner_tamper, seal, verify, write_some
from core.tenancy.scope import installation_scope

PRACTICE = uuid7()


@pytest.fixture
def tampering(db):
    with installation_scope():
        write_some(PRACTICE, 12)
        seal()
        let_the_owner_tamper()
        yield


def change(table, row, assignment):
    with connection.cursor() as cursor:
        key = row.pk.hex if connection.vendor == "sqlite" else row.pk
        cursor.execute(f"UPDATE {table} SET {assignment} WHERE id = %s", [key])
        assert cursor.rowcount == 1


def with_letters(rows, name):
    """One whose id has letters, so that capitals differ."""
    return next(row for row in rows if getattr(row, name) and any(c in "abcdef" for c in getattr(row, name).hex))


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("name", "assignment"),
    [
        ("id", "user_id = upper(user_id)"),
        ("id", "id = upper(id)"),
        ("id", "practice_id = upper(practice_id)"),
        ("id", "at = replace(at, ' ', 'T')"),
        ("id", "at = at || '+00:00'"),
        ("id", "at = 'x'"),
        ("id", "mac = 'abc'"),
        ("id", "user_id = 'zz'"),
        ("id", "practice_id = 'zz'"),
        ("id", "key_id = 'x'"),
        ("id", "kind = x'00ff'"),
        ("id", "patients = x'5b5d'"),
    ],
)
def test_malformed_values_on_sqlite_are_detected(tampering, name, assignment):
    change("audit_event", with_letters(Event.objects.all(), "user_id"), assignment)

    with pytest.raises(Tampered, match="audit_event"):
        verify()


@pytest.mark.postgresql
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 BC", "20000-01-01"])
@pytest.mark.parametrize(("table", "model"), [("audit_event", Event), ("audit_seal", Seal)])
def test_datetimes_that_the_driver_cannot_read_are_detected(tampering, moment, table, model):
    change(table, model.objects.only("pk").order_by("pk")[0], f"at = '{moment}'")

    with pytest.raises(Tampered, match=table):
        verify()


def test_values_that_praxis_writes_are_valid(db):
    with installation_scope():
        write_some(PRACTICE, 12)
        seal()

        assert find_malformed_row() is None
        verify()
