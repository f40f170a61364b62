"""The base of every model."""

from datetime import datetime
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.db import connections, models, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7


class Model(models.Model):
    """A row with a UUIDv7 key, which sorts by time of creation, and two timestamps in UTC.

    Its changes are recorded in the audit trail (audit/registry.py), in the same transaction, unless `audited` is False.
    """

    audited: ClassVar[bool] = True
    patient_field: ClassVar[str] = ""  # column with the id of the patient that the row is about

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def _get_FIELD_display(self, field: Any) -> Any:  # noqa: N802 - Django's name
        """Return the label of the field's value, as Django does, but translate only this one of the choices."""
        value = getattr(self, field.attname)
        label = dict(field.flatchoices).get(value, value)
        return label if label is None else str(label)

    def about_patients(self) -> list[UUID]:
        """Return the ids of the patients that the row is about, for audit events."""
        patient_id = getattr(self, self.patient_field) if self.patient_field else None
        return [patient_id] if patient_id else []

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic(savepoint=False):
            return super().delete(*args, **kwargs)

    def _do_insert(
        self, manager: Any, using: str, fields: "list[models.Field[Any, Any]]", returning_fields: Any, raw: bool
    ) -> Any:
        """Insert the row as Django does, without building a query for it, which takes longer than all the rest."""
        connection, values = connections[using], [field.pre_save(self, add=True) for field in fields]
        if returning_fields or raw or any(hasattr(value, "resolve_expression") for value in values):
            return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]
        with connection.cursor() as cursor:
            prepared = zip(fields, values, strict=True)
            cursor.execute(
                insert_statement(type(self), using, tuple([field.name for field in fields])),
                [field.get_db_prep_save(value, connection) for field, value in prepared],
            )
        return []


def first_key_at(moment: datetime) -> UUID:
    """Return the lowest key that a row can get from this moment on: a UUIDv7 begins with its milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


@cache
def insert_statement(model: type[models.Model], using: str, fields: tuple[str, ...], rows: int = 1) -> str:
    """Return the text that inserts so many rows of values of these fields, by their names: fields themselves take
    hundreds of calls to be looked up by. Where one has a placeholder of its own, that is the same for any value."""
    quoted = connections[using].ops.quote_name
    named: list[Any] = [model._meta.get_field(name) for name in fields]
    names = ", ".join(quoted(str(field.column)) for field in named)
    places = ", ".join(
        field.get_placeholder(None, None, connections[using]) if hasattr(field, "get_placeholder") else "%s"
        for field in named
    )
    many = ", ".join([f"({places})"] * rows)
    return f"INSERT INTO {quoted(model._meta.db_table)} ({names}) VALUES {many}"  # noqa: S608 - our names
