"""Giving rows values of their own in one statement, for which Django's `bulk_update` writes a CASE of all rows for each
column."""

from collections.abc import Mapping, Sequence
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
    fields: dict[str, Any] = {
        name: model._meta.get_field(name) for name in ("id", "practice", *columns, *alike, *where)
    }
    quoted = {name: connection.ops.quote_name(field.column) for name, field in fields.items()}
    typed = "CAST({} AS {})" if connection.vendor == "postgresql" else "{}"  # which reads a null as text

    def prepared(name: str, value: Any) -> Any:
        return fields[name].get_db_prep_save(value, connection)

    own = [
        f"{quoted[name]} = {typed.format(f'new.column{number}', fields[name].db_type(connection))}"
        for number, name in enumerate(columns, start=2)
    ]
    changes = ", ".join([*own, *(f"{quoted[name]} = %s" for name in alike)])
    values = ", ".join([f"({', '.join(['%s'] * (len(columns) + 1))})"] * len(rows))
    conditions = {"practice": current_practice_id(), **where}
    matching = " AND ".join(f"old.{quoted[name]} = %s" for name in conditions)
    parameters = [
        *(prepared(name, value) for name, value in alike.items()),
        *(
            prepared(name, value)
            for pk, row in rows.items()
            for name, value in zip(("id", *columns), (pk, *row), strict=True)
        ),
        *(prepared(name, value) for name, value in conditions.items()),
    ]
    table = connection.ops.quote_name(model._meta.db_table)
    sql = (
        f"UPDATE {table} AS old SET {changes} FROM (VALUES {values}) AS new "  # noqa: S608 - our names
        f"WHERE old.id = new.column1 AND {matching} RETURNING id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {pk if isinstance(pk, UUID) else UUID(pk) for (pk,) in cursor.fetchall()}
