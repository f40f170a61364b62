"""Inserts many new rows at once: with COPY on PostgreSQL, several times faster than INSERT; `bulk_create` elsewhere.
COPY does not work on a table with row-level security, so the rows go through a temporary one, in binary: text
takes PostgreSQL three times as long to read. Either way the model's own fields produce the column values, so PHI is
encrypted."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import Field

from audit import log
from audit.events import AuditEvent
from core.cache import cached_counts
from core.encryption.blind_index import BlindIndexField
from core.encryption.fields import EncryptedFieldMixin
from core.tenancy.models import PracticeModel
from patients.models import Patient
from patients.search_index import chart_tokens

PLAIN = {"BooleanField", "CharField", "DateTimeField", "IntegerField", "PositiveIntegerField", "UUIDField"}
PENDING_KB = 64_000  # of the search index, merged at once; the default of 4 MB suits single inserts


@transaction.atomic
def insert(rows: list[PracticeModel]) -> None:
    """Insert new rows of one model in the open scope. Raises ScopeError for a row of another practice."""
    model = type(rows[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(rows, batch_size=500)
        return
    for row in rows:
        row.enter_scope()
        if isinstance(row, Patient):
            row.search_index = chart_tokens(row)
    _copy(rows)
    patients = [patient for row in rows for patient in row.about_patients()]
    log.record_bulk(AuditEvent.CREATED, model, practice_id=rows[0].practice_id, patients=patients, count=len(rows))
    cached_counts.invalidate(model, rows[0].practice_id)


def analyze(model: type[PracticeModel]) -> None:
    """Let PostgreSQL see how large the table has become. Until autovacuum has, it would plan as if it were small. A
    role may only analyze tables of its own; that warning is of no use to whoever runs the command. What is encrypted is
    never compared, and would take a third of the time; the statistics of expressions are left to autovacuum."""
    if connection.vendor == "postgresql":
        fields = (field for field in model._meta.concrete_fields if not isinstance(field, EncryptedFieldMixin))
        columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL client_min_messages TO error; ANALYZE {model._meta.db_table} ({columns})")


def _copy(rows: list[PracticeModel]) -> None:
    meta, quoted = rows[0]._meta, connection.ops.quote_name
    plain, prepared = _kinds(meta.concrete_fields)
    table = quoted(meta.db_table)
    columns = ", ".join(quoted(str(field.column)) for field in (*plain, *prepared))
    plain_values = attrgetter(*(field.attname for field in plain))
    stored = [_stored(field) for field in prepared]
    types = [_type_of(field) for field in (*plain, *prepared)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gin_pending_list_limit', %s, true)", [str(PENDING_KB)])
        cursor.execute(f"CREATE TEMPORARY TABLE incoming (LIKE {table}) ON COMMIT DROP")
        with cursor.copy(f"COPY incoming ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row([*plain_values(row), *[value(row) for value in stored]])
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming")  # noqa: S608 - our names
        cursor.execute("DROP TABLE incoming")


def _kinds(fields: "Sequence[Field[Any, Any]]") -> "tuple[list[Field[Any, Any]], list[Field[Any, Any]]]":
    """Return the fields whose values PostgreSQL takes as they are, and those that prepare them: asking each field for
    each row takes a third of a row's time."""
    plain = [field for field in fields if _is_plain(field)]
    return plain, [field for field in fields if field not in plain]


def _is_plain(field: Any) -> bool:
    stamps = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return not stamps and (field.target_field if field.is_relation else field).get_internal_type() in PLAIN


def _type_of(field: Any) -> str:
    """Return the type that the driver writes a value as; the bytes of a blind index are its own."""
    return "bytea" if isinstance(field, BlindIndexField) else field.db_type(connection).partition("(")[0]


def _stored(field: Any) -> Callable[[Any], Any]:
    """Return what gives a row's value as it is stored. The fields' own way to encrypt goes through five calls more."""
    value_of = attrgetter(field.attname)
    if isinstance(field, EncryptedFieldMixin):
        return lambda row: None if (value := value_of(row)) is None else field.encrypt(value)
    if isinstance(field, BlindIndexField):
        return lambda row: field.binary(value_of(row))
    database = connections[connection.alias]  # `connection` is a proxy, looked up on every use
    return lambda row: field.get_db_prep_save(field.pre_save(row, True), database)
