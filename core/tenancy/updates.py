"""Giving rows values of their own in one statement, for which Django's `bulk_update` writes a CASE of all rows for each
column."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connections, router

from core.tenancy.models import PracticeModel
from core.tenancy.scope import current_practice_id


def update_each(
    model: type[PracticeModel],
    rows: Mapping[UUID, Sequence[Any]],
    *,
    columns: Sequence[str],
    alike: Mapping[str, Any],
    where: Mapping[str, Any],
) -> set[UUID]:
    """Give each row of the practice, by its key, its values in `columns`, and all those that are `alike`. Return the
    keys of those that were `where` says; the others stay as they are. Like `bulk_update`, it derives no other column,
    and it writes nothing to the trail."""
    connection = connections[router.db_for_write(model)]  # the proxy of it looks it up for each value
    conditions = {"practice": current_practice_id(), **where}
    sql = _statement(model, connection.alias, tuple(columns), tuple(alike), tuple(conditions), len(rows))
    fields: dict[str, Any] = {name: model._meta.get_field(name) for name in ("id", *columns, *alike, *conditions)}

    def prepared(name: str, value: Any) -> Any:
        return fields[name].get_db_prep_save(value, connection)

    parameters = [
        *(prepared(name, value) for name, value in alike.items()),
        *(
            prepared(name, value)
            for pk, row in rows.items()
            for name, value in zip(("id", *columns), (pk, *row), strict=True)
        ),
        *(prepared(name, value) for name, value in conditions.items()),
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {pk if isinstance(pk, UUID) else UUID(pk) for (pk,) in cursor.fetchall()}


@lru_cache(maxsize=256)
def _statement(
    model: type[PracticeModel],
    alias: str,
    columns: tuple[str, ...],
    alike: tuple[str, ...],
    conditions: tuple[str, ...],
    rows: int,
) -> str:
    connection = connections[alias]
    fields: dict[str, Any] = {name: model._meta.get_field(name) for name in (*columns, *alike, *conditions)}
    quoted = {name: connection.ops.quote_name(field.column) for name, field in fields.items()}
    typed = "CAST({} AS {})" if connection.vendor == "postgresql" else "{}"  # which reads a null as text
    own = [
        f"{quoted[name]} = {typed.format(f'new.column{number}', fields[name].db_type(connection))}"
        for number, name in enumerate(columns, start=2)
    ]
    changes = ", ".join([*own, *(f"{quoted[name]} = %s" for name in alike)])
    values = ", ".join([f"({', '.join(['%s'] * (len(columns) + 1))})"] * rows)
    matching = " AND ".join(f"old.{quoted[name]} = %s" for name in conditions)
    return (
        f"UPDATE {connection.ops.quote_name(model._meta.db_table)} AS old SET {changes} "  # noqa: S608 - our names
        f"FROM (VALUES {values}) AS new WHERE old.id = new.column1 AND {matching} RETURNING id"
    )
