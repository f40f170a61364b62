"""What the database computes, said once for PostgreSQL and SQLite."""

from typing import Any

import orjson
from django.db.models import Aggregate, BigIntegerField, Func, TextField


class SecondsDown(Func):
    """Whole seconds since 1970 of a moment, without the parts of a second."""

    output_field = BigIntegerField()
    rounded = "FLOOR"
    on_sqlite = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)"

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        # DATE_PART's double is exact to a microsecond for thousands of years, and quicker than EXTRACT's numeric
        template = f"{self.rounded}(DATE_PART('epoch', %(expressions)s))::bigint"
        return self.as_sql(compiler, connection, template=template)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return self.as_sql(compiler, connection, template=self.on_sqlite, **extra_context)


class SecondsUp(SecondsDown):
    """Whole seconds since 1970 of a moment; a part of a second counts as one."""

    rounded = "CEIL"
    on_sqlite = f"({SecondsDown.on_sqlite} + (instr(%(expressions)s, '.') > 0))"


class ListField(TextField):
    """Numbers that the database has written one after another."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else orjson.loads(value)


class NumbersOf(Aggregate):
    """The whole numbers of a group as one list; none of them may be null. Several of one group are in the same order:
    that in which the rows were read. As text, PostgreSQL writes them in a fifth of the time that JSONB_AGG takes."""

    function = "ARRAY_AGG"
    output_field = ListField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        template = "('[' || ARRAY_TO_STRING(%(function)s(%(expressions)s), ',') || ']')"
        return self.as_sql(compiler, connection, template=template, **extra_context)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **extra_context)
