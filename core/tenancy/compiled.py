"""Queries that are compiled once for each shape (docs/adr/0035).

Building a query and turning it into SQL takes Django longer than all the rest of a request. What differs between two
requests of one list is seldom the SQL, but only the practice, the person, and what they filter by. So a query is built
with stand-ins for these, and later requests send the same text with their own values.

That no value is ever part of what is kept is checked when it is compiled: it is built twice, with two sets of
stand-ins. A parameter that differs and is none of the stand-ins (the time, the time zone) raises, and so does a query
that does not name the practice, or that asks the database while it is built.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import Count
from django.db.models.base import ModelState
from django.db.models.query import get_related_populators
from django.db.models.signals import post_init, pre_init
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from core.tenancy.managers import row_not_found
from core.tenancy.scope import current_practice_id, practice_scope
from core.tenancy.stand_ins import MOMENTS, PEOPLE, PRACTICES, ZONES, NotCompilable, person_like, stand_in, type_of

MAX_SHAPES = 500  # of each query; there are as many as roles and combinations of filters
JOINED_BEFORE = 50  # rows to skip; for more, their keys are selected first
PRACTICE, PERSON, NOW, NARROWING = "practice", "person", "now", "narrowing"
_clock: ContextVar[datetime | None] = ContextVar("clock", default=None)

Row = TypeVar("Row", bound=models.Model)


def now() -> datetime:
    """Return the time for a query: each request's own, also of one that is compiled."""
    return _clock.get() or timezone.now()


class CompiledQuery(Generic[Row]):
    """Wraps a function that builds a queryset from a person, flags and values.

    The query's shape is the person's role, whether they have a practice, what an API key grants, the flags, and which
    values of which types there are, and how many in a tuple of them (None is as good as left out). Of the person the
    function sees these and the id and nothing else, since anything else would be part of the shape. A query that is the
    same for everybody has None. `values_list` gives tuples; rows can be locked within a transaction.
    """

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self._statements: dict[Hashable, _Statement] = {}
        self._narrowed: dict[Callable[..., Any], CompiledQuery[Row]] = {}

    def __call__(self, person: Any, *flags: Hashable, **values: Any) -> "BoundQuery[Row]":
        return BoundQuery(self, person, flags, {name: value for name, value in values.items() if value is not None})

    def statement(self, bound: "BoundQuery[Row]", *, counts: bool) -> "_Statement":
        who = bound.person and (bound.person.role, bound.person.practice_id is None, bound.person.granted)
        values = tuple((name, type_of(value)) for name, value in bound.values.items())
        shape = (connection.vendor, who, bound.flags, values, counts)
        statement = self._statements.get(shape)
        if statement is None:
            if len(self._statements) >= MAX_SHAPES:
                self._statements.clear()
            statement = self._statements[shape] = self._compile(bound, counts=counts)
        return statement

    def narrowed(self, by: Callable[..., Any]) -> "CompiledQuery[Row]":
        """Return the query whose queryset is what `by` makes of this one's, which also takes `narrowing`."""
        if by not in self._narrowed:

            def build(person: Any, *flags: Hashable, narrowing: tuple[Any, ...] = (), **values: Any) -> Any:
                return by(self._build(person, *flags, **values), narrowing)

            self._narrowed[by] = CompiledQuery(build)
        return self._narrowed[by]

    def queryset(self, bound: "BoundQuery[Row]") -> Any:
        return self._build(bound.person, *bound.flags, **bound.values)

    def _compile(self, bound: "BoundQuery[Row]", *, counts: bool) -> "_Statement":
        current_practice_id()  # raises without a scope, as every query does
        _ = connection.features.supports_json_field  # SQLite is asked for this once, which a query may not do
        first, second = (self._compile_with(bound, which, counts=counts) for which in (0, 1))
        if first.sql != second.sql:
            raise NotCompilable("The SQL itself depends on a value.")
        return first._replace(parameters=tuple(_parameters(first, second)))

    def _compile_with(self, bound: "BoundQuery[Row]", which: int, *, counts: bool) -> "_Statement":
        stand_ins = {name: stand_in(value, which, place) for place, (name, value) in enumerate(bound.values.items())}
        practice_id, person_id, moment = PRACTICES[which], PEOPLE[which], MOMENTS[which]
        person = bound.person and person_like(bound.person, pk=person_id, practice_id=practice_id)
        token = _clock.set(moment)
        try:
            with practice_scope(practice_id), timezone.override(ZONES[which]), connection.execute_wrapper(_refuse):
                queryset = self._build(person, *bound.flags, **stand_ins)
                query = queryset.query
                if queryset._prefetch_related_lookups or query.is_sliced or query.is_empty():
                    raise NotCompilable("A compiled query has no prefetch and no slice, and something to find.")
                query = _counted(query) if counts else query.chain()
                compiler = query.get_compiler(using="default")
                sql, parameters = compiler.as_sql()
        finally:
            _clock.reset(token)
        known = {PRACTICE: practice_id, PERSON: person_id, NOW: moment, **stand_ins}
        rows = None if counts else _Rows(compiler) if queryset._fields is None else _Columns(compiler)
        locks = query.select_for_update
        return _Statement(sql, parameters, known, rows, queryset.model, queryset.query.order_by, locks)


@dataclass(frozen=True, slots=True)
class BoundQuery(Generic[Row]):
    """A compiled query with the values of one request."""

    query: CompiledQuery[Row]
    person: Any
    flags: tuple[Hashable, ...]
    values: dict[str, Any]

    def queryset(self) -> Any:
        """Return the ordinary queryset, for what is asked seldom."""
        return self.query.queryset(self)

    def rows(self, *, limit: int, skipped: int = 0) -> list[Row]:
        """Return up to `limit` rows in the query's order, after the skipped ones."""
        if skipped < JOINED_BEFORE:
            return self.sent(limit=limit, skipped=skipped)()
        return self._rows_by_key(self.query.statement(self, counts=False), (limit, skipped))

    def _rows_by_key(self, statement: "_Statement", page: tuple[int, int]) -> list[Row]:
        """Return the rows of a page whose keys PostgreSQL selects first, so that what is skipped is not joined."""
        keys = self.narrowed(_keys)
        inner = keys.query.statement(keys, counts=False)
        one = self.narrowed(_with_keys, (UUID(int=0),))
        outer = one.query.statement(one, counts=False)
        place = outer.parameters.index(_Value(NARROWING, 0))
        before, after = _around(outer.sql, place)
        sql = f"{before}{inner.sql} LIMIT %s OFFSET %s{after}"
        parameters = (*outer.parameters[:place], *inner.parameters, *page, *outer.parameters[place + 1 :])
        return statement.made(self._execute(sql, outer._replace(parameters=parameters), ()))

    def all(self) -> list[Row]:
        """Return every row, in the query's order."""
        return self.sent()()

    def sent(self, *, limit: int | None = None, skipped: int = 0) -> Callable[[], list[Row]]:
        """Send the query, and return what gives its rows: within `sent_together`, others may travel with it."""
        statement = self.query.statement(self, counts=False)
        if limit is None:
            cursor = self._sent(statement.sql, statement, ())
        else:
            cursor = self._sent(f"{statement.sql} LIMIT %s OFFSET %s", statement, (limit, skipped))

        def rows() -> list[Row]:
            with cursor:
                return statement.made(list(cursor.fetchall()))

        return rows

    def narrowed(self, by: Callable[..., Any], narrowing: tuple[Any, ...] | None = None) -> "BoundQuery[Any]":
        """Return the query with the queryset that `by` makes of this one's and of these values."""
        return self.query.narrowed(by)(self.person, *self.flags, **self.values, narrowing=narrowing)

    def exists(self) -> bool:
        return self.rows(limit=1) != []

    @property
    def model(self) -> type[models.Model]:
        return self.query.statement(self, counts=False).model

    @property
    def order_by(self) -> tuple[str, ...]:
        return self.query.statement(self, counts=False).order_by

    def get_or_refuse(self) -> Row:
        """Return the one row, as the queryset's method does; raise NotFound."""
        found = self.rows(limit=1)
        if not found:
            raise row_not_found(self.model, self.values.get("pk"))
        return found[0]

    def count(self) -> int:
        statement = self.query.statement(self, counts=True)
        return int(self._execute(statement.sql, statement, ())[0][0])

    def _execute(self, sql: str, statement: "_Statement", more: tuple[int, ...]) -> list[Any]:
        with self._sent(sql, statement, more) as cursor:
            return list(cursor.fetchall())

    def _sent(self, sql: str, statement: "_Statement", more: tuple[int, ...]) -> Any:
        known = {
            PRACTICE: current_practice_id(),
            PERSON: self.person and self.person.pk,
            NOW: timezone.now(),
            **self.values,
        }
        values = [part.among(known) if isinstance(part, _Value) else part for part in statement.parameters]
        database = connections[DEFAULT_DB_ALIAS]  # the proxy of it looks it up for each attribute
        if database.vendor != "postgresql":  # whose driver takes them as they are
            values = [_prepared(value) for value in values]
        if statement.locks and not database.in_atomic_block:
            raise TransactionManagementError("rows are locked within a transaction")
        cursor = database.cursor()
        cursor.execute(sql, (*values, *more))
        return cursor


def _keys(queryset: Any, narrowing: tuple[Any, ...]) -> Any:
    return queryset.select_related(None).values_list("pk")


def _with_keys(queryset: Any, keys: tuple[Any, ...]) -> Any:
    return queryset.filter(pk__in=keys)


@lru_cache(MAX_SHAPES)
def _around(sql: str, place: int) -> tuple[str, str]:
    """Return a statement's text before and after the parameter with this number."""
    places = [found for found in re.finditer("%(.)", sql) if found[1] == "s"]
    return sql[: places[place].start()], sql[places[place].end() :]


class _Value(NamedTuple):
    """The place of a value among a statement's parameters, or of one of a list of them."""

    name: str
    place: int | None = None

    def among(self, known: Mapping[str, Any]) -> Any:
        value = known[self.name]
        return value if self.place is None else value[self.place]


class _Statement(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]  # constants, and a _Value for each place of a value
    known: Mapping[str, Any]  # the stand-ins it was compiled with
    rows: "_Rows | _Columns | None"  # none of a count
    model: type[models.Model]
    order_by: tuple[str, ...]
    locks: bool

    def made(self, found: list[Any]) -> list[Any]:
        assert self.rows is not None
        return self.rows.made(found)


def _parameters(first: _Statement, second: _Statement) -> Iterator[Any]:
    """Yield the parameters with the places of the values. Raises NotCompilable."""
    named = set()
    values = list(_values(first.known))
    places = {tuple(_hashable(_prepared(value.among(one.known))) for one in (first, second)): value for value in values}
    for one, other in zip(first.parameters, second.parameters, strict=True):
        pair = _hashable(one), _hashable(other)
        value = places.get(pair) if isinstance(one, Hashable | list) else None
        if value is not None:
            named.add(value.name)
            yield value
        elif one == other:
            yield one
        else:
            raise NotCompilable(f"A parameter changes that is no value of the query: a {type(one).__name__}.")
    unused = {PRACTICE, *first.known} - {PERSON, NOW} - named
    if unused:
        raise NotCompilable(f"The query does not use {', '.join(sorted(unused))}.")


def _values(known: Mapping[str, Any]) -> Iterator[_Value]:
    for name, value in known.items():
        if isinstance(value, tuple):
            yield from (_Value(name, place) for place in range(len(value)))
        else:
            yield _Value(name)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _prepared(value: Any) -> Any:
    """Return a value as Django hands it to the database."""
    if isinstance(value, UUID):
        return value if connection.features.has_native_uuid_field else value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value


def _refuse(*asked: Any) -> Any:
    """A stand-in's practice is empty, so what is read while a query is built says nothing of the practice."""
    raise NotCompilable("The query was built with something read from the database.")


# --- Rows -------------------------------------------------------------------------------------------------------------


class _Rows:
    """Makes instances of what a statement returns, as Django's ModelIterable does."""

    def __init__(self, compiler: Any) -> None:
        info, select = compiler.klass_info, compiler.select
        converters = compiler.get_converters([column[0] for column in select])
        own = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        self._make = _maker(info["model"], [column[0].target.attname for column in select[own]], own, converters)
        populators = get_related_populators(info, select, "default")  # type: ignore[call-arg]
        self._related = [_Related(populator, converters) for populator in populators]
        self._annotations = [
            (name, place, *converters.get(place, ((), None))) for name, place in compiler.annotation_col_map.items()
        ]

    def made(self, rows: list[Any]) -> list[Any]:
        found = [self._make(row) for row in rows]
        for related in self._related:
            related.populate(rows, found)
        for name, place, converts, expression in self._annotations:
            for row, made in zip(rows, found, strict=True):
                value = row[place]
                for convert in converts:
                    value = convert(value, expression, connection)
                setattr(made, name, value)
        return found


class _Columns:
    """Makes tuples of the columns that a query names, as Django's ValuesListIterable does."""

    def __init__(self, compiler: Any) -> None:
        self._converters = list(compiler.get_converters([column[0] for column in compiler.select]).items())

    def made(self, rows: list[Any]) -> list[Any]:
        return [self._converted(row) for row in rows] if self._converters else [tuple(row) for row in rows]

    def _converted(self, row: Any) -> tuple[Any, ...]:
        values = list(row)
        for place, (converts, expression) in self._converters:
            for convert in converts:
                values[place] = convert(values[place], expression, connection)
        return tuple(values)


class _Related:
    """What Django's RelatedPopulator does, with `_maker` and for all rows at once: those that refer to the same one
    share it, so that a doctor's name is decrypted once a page."""

    def __init__(self, populator: Any, converters: dict[int, Any]) -> None:
        columns = slice(populator.cols_start, populator.cols_end)
        self._make = _maker(populator.model_cls, populator.init_list, columns, converters)
        self._key = populator.cols_start + populator.pk_idx
        self._set, self._set_back = populator.local_setter, populator.remote_setter
        if populator.related_populators:
            raise NotCompilable("A relation of a relation.")

    def populate(self, rows: list[Any], sources: list[Any]) -> None:
        made: dict[Any, Any] = {}
        for row, source in zip(rows, sources, strict=True):
            key = row[self._key]
            related = made.get(key) if key is not None else None
            if related is None and key is not None:
                related = made[key] = self._make(row)
                self._set_back(related, source)
            self._set(source, related)


def _maker(
    model: type[models.Model], names: list[str], columns: slice, converters: dict[int, Any]
) -> Callable[[Any], Any]:
    """Return the function that makes an instance from these columns of a row. It does what `from_db` does for a model
    whose instances are no more than their columns, in a fraction of the time: Django looks up every field of the model
    for each row."""
    own = [
        (place - columns.start, convert, expression)
        for place, (converts, expression) in converters.items()
        if columns.start <= place < columns.stop
        for convert in converts
    ]
    is_plain = (
        not pre_init.has_listeners(model) and not post_init.has_listeners(model) and model.from_db.__func__ is _FROM_DB  # type: ignore[attr-defined]
    )

    def make(row: Any) -> Any:
        values, is_whole = list(row[columns]), is_plain
        for place, convert, expression in own:
            value = values[place] = convert(values[place], expression, connection)
            if isinstance(value, Exception):  # the field's own attribute keeps it
                is_whole = False
        if not is_whole:
            return model.from_db("default", names, values)
        made = model.__new__(model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, "default"
        made.__dict__.update(zip(names, values, strict=True))
        return made

    return make


_FROM_DB = models.Model.from_db.__func__  # type: ignore[attr-defined]


def _counted(query: Any) -> Any:
    """Return the query that counts the rows of this one, as `QuerySet.count` does."""
    if query.distinct or query.combinator or query.annotation_select or query.group_by is not None:
        raise NotCompilable("Only a plain query can be counted.")
    counting = query.chain()
    counting.clear_ordering(force=True)
    counting.clear_select_clause()
    counting.select_related = False
    counting.add_annotation(Count("*"), "__count")
    return counting
