"""Recording audit events (docs/adr/0011; 45 CFR 164.312(b)).

An event is inserted in the transaction of the change that it records, and is rolled back with it. A read is recorded
before the response leaves. If an event cannot be recorded, AuditLogUnavailable is raised and nothing may be served.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from audit import context, keys
from audit.events import AuditEvent, Outcome
from audit.models import COVERED, NO_PRACTICE, Event, canonical

MAX_PATIENTS = 5_000  # in one event
EMAIL_LENGTH = 254  # RFC 5321; a typed one may be longer


class AuditLogUnavailable(Exception):
    """The event cannot be recorded, so what it is about must not happen."""


def record(
    kind: AuditEvent,
    *,
    practice_id: UUID | None,
    patients: Iterable[UUID] = (),
    outcome: Outcome = Outcome.DONE,
    user_id: UUID | None = None,
    role: str = "",
    email: str | None = None,
    about: str = "",
    about_id: UUID | None = None,
    **details: Any,
) -> None:
    """Record an event; with `practice_id` None, one of the installation.

    The actor is the request's user unless `user_id` and `role` are given. `email` is only for sign-in events, and
    stored encrypted. `details` must hold no PHI, only field names, counts and reasons from a fixed list. Raise
    AuditLogUnavailable, or NoOrigin outside of a request and a command.
    """
    origin, patients = context.current(), list(dict.fromkeys(patients))
    if user_id is None:
        user_id, role = origin.user_id, origin.role
    if origin.api_key_id is not None:
        details["api_key"] = origin.api_key_id
    at, key_id = timezone.now(), keys.newest_key_id()
    event_id = _event_id(at)
    encrypted_email = None
    if email is not None:
        encrypted_email = keys.encrypt_email(email[:EMAIL_LENGTH], key_id=key_id, event_id=event_id)
    _insert(
        id=event_id,
        at=at,
        practice_id=practice_id or NO_PRACTICE,
        kind=kind.value,
        outcome=outcome.value,
        user_id=user_id,
        role=role,
        email=encrypted_email,
        address=origin.address,
        agent=origin.agent,
        request_id=origin.request_id,
        patients=orjson.dumps(patients).decode(),
        about=about,
        about_id=about_id,
        details=orjson.dumps(details).decode(),
        key_id=key_id,
    )
    origin.events += 1
    if origin.request_id:  # a command goes through too many
        origin.patients.update(patients)


def try_to_write() -> None:
    """Write an event and take it back, as a health check. Raise AuditLogUnavailable."""
    try:
        with taken_back():
            record(AuditEvent.PAGE_READ, practice_id=None)
    except DatabaseError as error:
        raise AuditLogUnavailable from error


@contextmanager
def taken_back() -> Iterator[None]:
    """Run what is only tried: what it writes is taken back, and its events count for nothing."""
    origin = context.current()
    events, patients = origin.events, set(origin.patients)
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        origin.events, origin.patients = events, patients


def record_bulk(
    kind: AuditEvent,
    model: type[models.Model],
    *,
    practice_id: UUID | None,
    patients: Iterable[UUID],
    count: int,
    **details: Any,
) -> None:
    """Record a bulk write, which django-auditlog does not see: several events if there are very many patients."""
    named = list(dict.fromkeys(patients))
    for start in range(0, max(len(named), 1), MAX_PATIENTS):
        part = named[start : start + MAX_PATIENTS]
        record(kind, practice_id=practice_id, patients=part, about=model._meta.label, count=count, **details)


def record_change(row: models.Model, *, kind: AuditEvent, fields: list[str], patients: Iterable[str] = ()) -> None:
    """Record that a row was added, changed or deleted, with the names of its fields. `patients` are the old and the new
    patient if that changed, as strings from django-auditlog."""
    record_about(kind, row, patients=[UUID(patient) for patient in patients if patient != "None"], fields=fields)


def record_about(kind: AuditEvent, row: models.Model, *, patients: Iterable[UUID] = (), **details: Any) -> None:
    """Record what happened to a row, or that it was read, with the patients it is about, and these."""
    record(
        kind,
        practice_id=getattr(row, "practice_id", None),
        patients=[*row.about_patients(), *patients],  # type: ignore[attr-defined] # core.models.Model
        about=row._meta.label,
        about_id=row.pk,
        **details,
    )


def _event_id(at: Any) -> UUID:
    """Return a UUIDv7 with sub-millisecond precision (RFC 9562, 6.2, method 3), so that events of one process stay in
    order."""
    milliseconds, microseconds = divmod(round(at.timestamp() * 1_000_000), 1000)
    fraction = microseconds * 4096 // 1000
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62))


def _insert(**columns: Any) -> None:
    """Insert without the ORM, which takes several times as long, on every request."""
    covered = tuple(columns[name] for name in COVERED)
    values = (*covered, keys.mac(canonical(covered), key_id=columns["key_id"], purpose="event"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(_statement(), _prepared(values))
            written = cursor.rowcount
    except DatabaseError as error:
        raise AuditLogUnavailable from error
    if written != 1:
        raise AuditLogUnavailable  # something in the database discards rows


@contextmanager
def refusing_unwritten() -> Iterator[None]:
    """Raise AuditLogUnavailable where the INSERT of an event has waited for others, and is the one of them that failed
    (core/tenancy/postgresql/waiting.py)."""
    try:
        yield
    except DatabaseError as error:
        if _statement() not in getattr(error.__cause__, "__notes__", ()):
            raise
        raise AuditLogUnavailable from error


def _prepared(values: tuple[Any, ...]) -> Sequence[Any]:
    """Convert the values for the database; PostgreSQL's driver takes UUIDs and datetimes as they are."""
    if connection.vendor == "postgresql":
        return values
    return [field.get_db_prep_save(value, connection) for field, value in zip(_fields(), values, strict=True)]


@cache
def _fields() -> "list[models.Field[Any, Any]]":
    return [Event._meta.get_field(name) for name in (*COVERED, "mac")]  # type: ignore[misc]


@cache
def _statement() -> str:
    columns = ", ".join((*COVERED, "mac"))
    return f"INSERT INTO {Event._meta.db_table} ({columns}) VALUES ({', '.join(['%s'] * (len(COVERED) + 1))})"  # noqa: S608
