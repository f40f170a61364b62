"""What stands in a query for the values of a request while it is compiled (core/tenancy/compiled.py)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo


class NotCompilable(RuntimeError):
    """The query depends on something that is no value of it, or on no practice."""


PRACTICES = UUID(int=0xFE0), UUID(int=0xFF0)
PEOPLE = UUID(int=0xFE1), UUID(int=0xFF1)
ZONES = UTC, ZoneInfo("Asia/Tokyo")
MOMENTS = datetime(1901, 1, 1, tzinfo=UTC), datetime(1902, 1, 1, tzinfo=UTC)


def person_like(person: Any, *, pk: UUID, practice_id: UUID) -> Any:
    """Return a person of this role; reading anything else of them fails."""
    seen = {"id": pk, "role": person.role, "practice_id": person.practice_id and practice_id}
    names = [field.attname for field in person._meta.concrete_fields if field.attname in seen]
    model = person._meta.model  # the person of the admin site is a lazy object
    like = model.from_db("default", names, [seen[name] for name in names])
    like.granted = person.granted
    return like


def type_of(value: Any) -> Any:
    """Return the type; of a tuple of values, also how many there are."""
    if isinstance(value, tuple):
        return type(value[0]), len(value)
    return type(value)


def stand_in(value: Any, which: int, place: int) -> Any:
    """Return a value of the same type that occurs nowhere else in the query."""
    if isinstance(value, tuple):
        return tuple(stand_in(one, which, place + 10_000 * number) for number, one in enumerate(value, start=1))
    number = 1000 * (which + 1) + place
    if isinstance(value, UUID):
        return UUID(int=number << 16)
    if isinstance(value, datetime):
        return datetime(1903, 1, 1, tzinfo=UTC) + timedelta(days=number)
    if isinstance(value, date):
        return date(1903, 1, 1) + timedelta(days=number)
    if isinstance(value, str):
        return f"stand-in {number}"
    if isinstance(value, list) and all(isinstance(one, int) for one in value):  # an array, on PostgreSQL alone
        return [number]
    raise NotCompilable(f"A {type(value).__name__} cannot be a value of a compiled query: make it a flag.")
