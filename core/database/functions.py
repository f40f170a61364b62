"""What the database computes, said once for PostgreSQL and SQLite."""

from typing import Any

from django.db.models import Aggregate, BigIntegerField, Func, JSONField


class SecondsDown(Func):
    """Whole seconds since 1970 of a moment, without the parts of a second."""

    output_field = BigIntegerField()
    rounded = "FLOOR"
    on_sqlite = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER)"

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        template = f"{self.rounded}(EXTRACT(EPOCH FROM %(expressions)s))::bigint"
        return self.as_sql(compiler, connection, template=template)

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return self.as_sql(compiler, connection, template=self.on_sqlite, **extra_context)


class SecondsUp(SecondsDown):
    """Whole seconds since 1970 of a moment; a part of a second counts as one."""

    rounded = "CEIL"
    on_sqlite = f"({SecondsDown.on_sqlite} + (instr(%(expressions)s, '.') > 0))"


class JSONGroup(Aggregate):
    """The values of a group as one JSON array."""

    function = "JSONB_AGG"
    output_field = JSONField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return self.as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **extra_context)
