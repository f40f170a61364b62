"""Reading events as they are stored, for sealing, verification and export."""

import hmac
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from django.db import connection, models, transaction
from psycopg import IsolationLevel

from audit import keys
from audit.models import COVERED, Event, Seal, Subject, Unsealed, canonical, line

CHUNK_ROWS = 2_000
_ID, _AT, _EMAIL, _PATIENTS, _DETAILS, _KEY_ID = (
    COVERED.index(name) for name in ("id", "at", "email", "patients", "details", "key_id")
)
_MAC = len(COVERED)


class Finding(NamedTuple):
    """A fault of the audit trail, and where it is."""

    table: str
    pk: Any
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.pk}: {self.what}"


class Row:
    """An event. `id` has 16 bytes; `waiting` means it is still queued for sealing; `fault` says what is wrong with it,
    or is empty."""

    __slots__ = ("at", "content", "email", "fault", "id", "key_id", "mac", "patients", "waiting")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.id, self.at, self.key_id, self.waiting = values[_ID].bytes, values[_AT], values[_KEY_ID], values[-1]
        self.email, self.mac = values[_EMAIL], bytes(values[_MAC])
        self.content, self.patients = b"", []
        try:
            self.content = canonical(values[:_MAC])
            # each must be valid JSON by itself, or text could be moved from one column to the next
            self.patients, details = orjson.loads(values[_PATIENTS]), orjson.loads(values[_DETAILS])
            is_readable = isinstance(self.patients, list) and isinstance(details, dict)
        except (ValueError, TypeError, AttributeError):
            is_readable = False
        self.fault = self._fault() if is_readable else "its content cannot be read"

    def _fault(self) -> str:
        return fault(self.content, self.mac, key_id=self.key_id, purpose="event")

    def line(self) -> bytes:
        return line(self.content, self.mac)

    def decrypted_email(self) -> str | None:
        """Return the email; None if it does not decrypt. Raise KeyError for a key that is not in the ring."""
        try:
            return self.email and keys.decrypt_email(
                bytes(self.email), key_id=self.key_id, event_id=UUID(bytes=self.id)
            )
        except InvalidTag:
            return None


def fault(content: bytes, mac: bytes, *, key_id: int, purpose: str) -> str:
    """Return what is wrong with a MAC, or an empty string."""
    try:
        expected = keys.mac(content, key_id=key_id, purpose=purpose)
    except KeyError:
        return f"its key {key_id} is not in AUDIT_KEYS: the key was lost or the row was edited"
    return "" if hmac.compare_digest(expected, mac) else "its MAC does not match its content"


def read(events: "models.QuerySet[Event]") -> Generator[Row, None, None]:
    """Yield events in the order of their ids, in chunks. Exhaust or close the generator."""
    waiting = models.Exists(Unsealed.objects.filter(event_id=models.OuterRef("pk")))
    found = events.order_by("pk").values_list(*COVERED, "mac", waiting)
    for values in found.iterator(chunk_size=CHUNK_ROWS):
        yield Row(values)


def read_named(practice_id: UUID, ids: bytes) -> Iterator[Row]:
    """Yield the practice's events with these ids (16 bytes each) that exist."""
    named = [UUID(bytes=ids[start : start + 16]) for start in range(0, len(ids) - 15, 16)]
    for start in range(0, len(named), CHUNK_ROWS):
        part = named[start : start + CHUNK_ROWS]
        yield from list(read(Event.objects.filter(practice_id=practice_id, pk__in=part)))


def practice_ids_in(*tables: type[models.Model]) -> list[UUID]:
    """Return the practices with rows in the tables, including NO_PRACTICE for the installation."""
    return sorted({practice_id for table in tables for practice_id in _practices_in(table)})


def _practices_in(table: type[models.Model]) -> Iterable[UUID]:
    """Step through the index from one to the next: DISTINCT would read all of it."""
    found = table._default_manager.order_by("practice_id").values_list("practice_id", flat=True)
    practice_id = found.first()
    while practice_id is not None:
        yield practice_id
        practice_id = found.filter(practice_id__gt=practice_id).first()


ALL_TABLES = (Event, Seal, Subject, Unsealed)


@contextmanager
def snapshot() -> Iterator[None]:
    """Read one consistent snapshot without blocking writers. Inside a transaction, that transaction's view is used."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own would be IMMEDIATE and block writers
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with _repeatable_read(), transaction.atomic():
            yield


@contextmanager
def _repeatable_read() -> Iterator[None]:
    connection.ensure_connection()
    session = connection.connection
    before, session.isolation_level = session.isolation_level, IsolationLevel.REPEATABLE_READ
    try:
        yield
    finally:
        session.isolation_level = before
