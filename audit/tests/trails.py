"""A trail to be sealed, and what somebody who owns the tables can do to it."""

from datetime import datetime
from unittest.mock import patch
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from audit import log
from audit.events import AuditEvent
from audit.models import Event
from audit.seals.export import lines
from audit.seals.sealing import Sealing
from audit.seals.verify import Verification

KEPT = ("audit_event", "audit_subject", "audit_seal")


def write(practice_id: UUID | None, *, patients: int = 1, **fields: object) -> Event:
    named, user_id = [uuid7() for _ in range(patients)], uuid7()
    log.record(AuditEvent.CHART_READ, practice_id=practice_id, patients=named, user_id=user_id, role="doctor", **fields)
    return Event.objects.get(user_id=user_id)


def write_at(moment: datetime, practice_id: UUID | None) -> Event:
    """Ids of one millisecond have no order; these are told apart by their times."""
    with patch.object(log.timezone, "now", return_value=moment):
        return write(practice_id)


def write_some(practice_id: UUID | None, amount: int) -> None:
    """Of one, two or no patients; every fifth with an email."""
    for number in range(amount):
        write(practice_id, patients=number % 3, email="eve@example.org" if number % 5 == 0 else None, count=number)


def seal() -> list[str]:
    """What had to be left out."""
    return [str(finding) for finding in Sealing().run()]


def verify(**options: object) -> Verification:
    verification = Verification()
    verification.run(**{"exported": {}, **options})
    return verification


def exported(**options: object) -> list[bytes]:
    return [line + b"\n" for line in lines(**options)]


def let_the_owner_tamper() -> None:
    """In this transaction: nothing refuses a change any more, and nothing follows from one."""
    with connection.cursor() as cursor:
        for table in KEPT:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL ROLE NONE")
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit_%%'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
