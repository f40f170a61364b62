"""Iterating over rows with encrypted columns and rewriting columns in place, while the application serves. It bypasses
the models, which would decrypt values, record an audit event for each row and set `updated_at`."""

import time
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import BinaryField, Count, ExpressionWrapper, F, Field, Model, Q, QuerySet
from django.db.models.functions import Substr

from core.encryption.fields import EncryptedFieldMixin
from core.encryption.keyring import HEADER_BYTES, header_of, key_id_of
from core.tenancy.scope import account_scope

BATCH_ROWS, MAX_BATCH_ROWS = 200, 10_000
PAGE_KEYS = 50_000
_PADDING = bytes(64)  # makes a bare header as long as an envelope


def encrypted_fields(model: type[Model]) -> list[EncryptedFieldMixin]:
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedFieldMixin)]


@dataclass(frozen=True)
class Part:
    """The rows of a model in one practice, or those without a practice. `rows` must be called in its scope."""

    model: type[Model]
    practice_id: UUID | None

    def scope(self) -> AbstractContextManager[None]:
        return account_scope(self.practice_id)

    def rows(self) -> QuerySet[Any]:
        rows = self.model._base_manager.order_by("pk")
        return rows.filter(practice_id=self.practice_id) if _has_practice(self.model) else rows

    @cached_property
    def fields(self) -> list[EncryptedFieldMixin]:
        return encrypted_fields(self.model)


def parts(practice_ids: Sequence[UUID] | None = None) -> Iterator[Part]:
    """Yield the parts of the whole installation, or of these practices, practice by practice."""
    encrypted = [model for model in apps.get_models() if encrypted_fields(model)]
    if practice_ids is None:
        yield from (Part(model, None) for model in encrypted)
        practice_ids = list(apps.get_model("practices", "Practice").objects.order_by("pk").values_list("pk", flat=True))
    yield from (Part(model, practice_id) for practice_id in practice_ids for model in encrypted if _has_practice(model))


def _has_practice(model: type[Model]) -> bool:
    return any(field.name == "practice" for field in model._meta.concrete_fields)


def raw(field: "Field[Any, Any]") -> ExpressionWrapper:
    """Return an expression for the column's stored bytes."""
    return ExpressionWrapper(F(field.attname), output_field=BinaryField())


class _Header(Substr):
    output_field = BinaryField()  # type: ignore[assignment]


def _headers(part: Part) -> dict[str, _Header]:
    return {f"header_{field.attname}": _Header(raw(field), 1, HEADER_BYTES) for field in part.fields}


def not_under_key(key_id: int, part: Part) -> QuerySet[Any]:
    """Return the part's rows with a value that is under another key or is no envelope."""
    headers = _headers(part)
    other = Q()
    for name in headers:
        other |= Q(**{f"{name}__isnull": False}) & ~Q(**{name: header_of(key_id)})
    return part.rows().annotate(**headers).filter(other)


def count_by_key(part: Part) -> Counter[tuple[str, int | None]]:
    """Count the values by field and key; key None means it is no envelope."""
    headers = _headers(part)
    kinds = part.rows().order_by().annotate(**headers).values_list(*headers).annotate(Count("pk"))
    values: Counter[tuple[str, int | None]] = Counter()
    for *found, count in kinds:
        for field, header in zip(part.fields, found, strict=True):
            if header is not None:
                values[field.name, key_id_of(bytes(header) + _PADDING)] += count
    return values


def batches(rows: QuerySet[Any], size: int, *columns: Any) -> Iterator[list[tuple[Any, ...]]]:
    """Yield `(pk, *columns)` of all rows in batches, each in a transaction."""
    for keys in _keys(rows, size):
        with transaction.atomic():
            found = list(rows.filter(pk__in=keys).values_list("pk", *columns))
        yield found


def _keys(rows: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """Yield the rows' keys in batches, fetched in larger pages: PostgreSQL may sort all remaining rows for each
    page."""
    page = rows
    while True:
        with transaction.atomic():
            keys = list(page.values_list("pk", flat=True)[:PAGE_KEYS])
        if not keys:
            return
        yield from (keys[start : start + size] for start in range(0, len(keys), size))
        page = rows.filter(pk__gt=keys[-1])


def rewrite(
    rows: QuerySet[Any],
    *,
    read: Sequence[Any],
    write: "Sequence[Field[Any, Any]]",
    change: Callable[..., Sequence[Any] | None],
    size: int = BATCH_ROWS,
    on_conflict: Callable[[Any], None] | None = None,
) -> Iterator[int]:
    """Set the columns `write` of each row to the result of `change(pk, *read)`, unless it is None. Yield the number of
    rows that each batch looked at. `on_conflict(pk)` is called for each row whose new values violate a unique index.

    A batch is one short transaction that locks its rows before it reads them, so no edit is lost. Rows that are locked
    by others are skipped, so it cannot deadlock; a later run finds them. On SQLite, where transactions queue
    (IMMEDIATE), it pauses after each batch for as long as the batch took.
    """
    for keys in _keys(rows, size):
        began = time.monotonic()
        with transaction.atomic():
            locked = rows.filter(pk__in=keys).select_for_update(skip_locked=True, no_key=True)
            found = list(locked.values_list("pk", *read))
            results = [(pk, change(pk, *values)) for pk, *values in found]
            changes = [(pk, values) for pk, values in results if values is not None]
            if on_conflict is None:
                _update(rows.model, write, changes)
            else:
                _update_unless_conflict(rows.model, write, changes, on_conflict)
        yield len(found)
        if connection.vendor == "sqlite":
            time.sleep(time.monotonic() - began)


def _update(
    model: type[Model], fields: "Sequence[Field[Any, Any]]", changes: Sequence[tuple[Any, Sequence[Any]]]
) -> None:
    if not changes:
        return
    quote, meta = connection.ops.quote_name, model._meta
    names, table, key = [quote(str(field.column)) for field in fields], quote(meta.db_table), quote(str(meta.pk.column))
    prepared = [(*values, meta.pk.get_db_prep_value(pk, connection)) for pk, values in changes]
    with connection.cursor() as cursor:
        if (
            connection.vendor == "postgresql"
        ):  # in one statement: with a round trip for each row it takes 1.6 times as long
            types = [*(field.db_type(connection) for field in fields), meta.pk.db_type(connection)]
            one = f"({', '.join(f'%s::{type_}' for type_ in types)})"
            columns = ", ".join(f"{name} = new.{name}" for name in names)
            cursor.execute(
                f"UPDATE {table} SET {columns} FROM (VALUES {', '.join([one] * len(prepared))}) "  # noqa: S608
                f"AS new ({', '.join([*names, key])}) WHERE {table}.{key} = new.{key}",
                list(chain.from_iterable(prepared)),
            )
        else:
            columns = ", ".join(f"{name} = %s" for name in names)
            cursor.executemany(f"UPDATE {table} SET {columns} WHERE {key} = %s", prepared)  # noqa: S608


def _update_unless_conflict(
    model: type[Model],
    fields: "Sequence[Field[Any, Any]]",
    changes: Sequence[tuple[Any, Sequence[Any]]],
    on_conflict: Callable[[Any], None],
) -> None:
    """Update all rows at once; if that fails, one by one."""
    try:
        with transaction.atomic():
            _update(model, fields, changes)
    except IntegrityError:
        if len(changes) == 1:
            on_conflict(changes[0][0])
            return
        for change in changes:
            _update_unless_conflict(model, fields, [change], on_conflict)


def batch_size(text: str) -> int:
    """Parse a batch size, for argparse."""
    size = int(text)
    if not 1 <= size <= MAX_BATCH_ROWS:
        raise ArgumentTypeError(f"must be 1 to {MAX_BATCH_ROWS} rows.")
    return size
