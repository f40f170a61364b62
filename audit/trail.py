"""Writing the trail (DESIGN.md rule 5; 45 CFR 164.312(b)).

An event is written in the transaction of what it tells: called inside one, it stands or falls with it. A read's event
is written before the answer leaves. If it cannot be written, TrailDown is raised, and nothing may be served.
"""

import secrets
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import DatabaseError, connection, models
from django.utils import timezone

from audit import context, keys
from audit.events import Kind, Outcome
from audit.models import COVERED, NO_PRACTICE, Event, canonical

MOST_PATIENTS = 5_000  # in one event
EMAIL_LENGTH = 254  # RFC 5321; what somebody typed may be longer


class TrailDown(Exception):
    """The trail cannot be written, so what it should tell must not happen."""


def record(
    kind: Kind,
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
    """Add an event. `practice_id` None: of the installation. Who acts is the request's user unless `user_id` (and
    `role`) name somebody. `email` is for sign-in events alone, and stored encrypted. `details` must hold no PHI: field
    names, counts, reasons from a fixed list. Raises TrailDown, and NoOrigin outside a request and a command."""
    origin = context.current()
    if user_id is None:
        user_id, role = origin.user_id, origin.role
    at, key_id = timezone.now(), keys.newest_key_id()
    event_id = _id_of(at)
    hidden = None
    if email is not None:
        hidden = keys.hide_email(email[:EMAIL_LENGTH], key_id=key_id, event_id=event_id)
    _insert(
        id=event_id,
        at=at,
        practice_id=practice_id or NO_PRACTICE,
        kind=kind.value,
        outcome=outcome.value,
        user_id=user_id,
        role=role,
        email=hidden,
        address=origin.address,
        agent=origin.agent,
        request_id=origin.request_id,
        patients=orjson.dumps(list(dict.fromkeys(patients))).decode(),
        about=about,
        about_id=about_id,
        details=orjson.dumps(details).decode(),
        key_id=key_id,
    )
    origin.events += 1


def record_bulk(
    kind: Kind,
    model: type[models.Model],
    *,
    practice_id: UUID | None,
    patients: Iterable[UUID],
    count: int,
    **details: Any,
) -> None:
    """Many rows at once, which django-auditlog does not see. Of very many patients each event names a part."""
    named = list(dict.fromkeys(patients))
    for start in range(0, max(len(named), 1), MOST_PATIENTS):
        part = named[start : start + MOST_PATIENTS]
        record(kind, practice_id=practice_id, patients=part, about=model._meta.label, count=count, **details)


def record_change(row: models.Model, *, kind: Kind, fields: list[str], patients: Iterable[str] = ()) -> None:
    """One row was added, changed or deleted: which fields, never what they hold. `patients`: whom it told of before
    and now, where that changed, as django-auditlog writes keys down."""
    named = [UUID(patient) for patient in patients if patient != "None"]
    record(
        kind,
        practice_id=getattr(row, "practice_id", None),
        patients=[*row.about_patients(), *named],  # type: ignore[attr-defined] # core.models.Model
        about=row._meta.label,
        about_id=row.pk,
        fields=fields,
    )


def _id_of(at: Any) -> UUID:
    """A UUIDv7 with the fraction of the millisecond behind it (RFC 9562, 6.2, method 3): what one process does stays in
    the order in which it was done."""
    milliseconds, microseconds = divmod(round(at.timestamp() * 1_000_000), 1000)
    fraction = microseconds * 4096 // 1000
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62))


def _insert(**columns: Any) -> None:
    """By hand: the ORM's way takes several times as long, and every request pays it."""
    covered = tuple(columns[name] for name in COVERED)
    values = (*covered, keys.mac(canonical(covered), key_id=columns["key_id"], purpose="event"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(_statement(), _prepared(values))
            written = cursor.rowcount
    except DatabaseError as error:
        raise TrailDown from error
    if written != 1:
        raise TrailDown  # something in the database swallows what is written


def _prepared(values: tuple[Any, ...]) -> Sequence[Any]:
    """PostgreSQL's driver takes UUIDs and times as they are."""
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
