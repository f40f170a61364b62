"""Statements that PostgreSQL plans once a connection and runs again with other values (docs/adr/0033).

`PREPARE` and `EXECUTE` are used in SQL, because an `EXECUTE` can share its message with the scope, and because what
PostgreSQL will not prepare can be sent as it is.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from typing import Any
from uuid import UUID

from psycopg import Binary
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int2, Int4, Int8

MOST_CHARACTERS, MOST_PARAMETERS = 16_000, 150  # a longer statement writes in bulk, or holds a list of its own
LONGEST_NAME = 32  # of a status, a role, a kind; a longer text is hardly ever the same again
Key = tuple[str, tuple[Any, ...]]  # the statement, and of each parameter its type, or the value that stands in the plan

_QUERY = re.compile(r"\(*(?:SELECT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_INSERT = re.compile(r"INSERT INTO \S+ \([^()]+\) VALUES (?:\((?:%s(?:, )?)+\)(?:, )?)+(?: RETURNING [^%]+)?")
_PLACEHOLDER = re.compile("(LIMIT |OFFSET )?%(.)")


class Numbers(list[int]):
    """An array for which no plan is better than another: a statement with it is prepared like others."""


class _Int4:
    """A number that PostgreSQL reads as `integer`."""


class _Int8:
    """A number that PostgreSQL reads as `bigint`."""


class _Column:
    """A value whose type is that of the column it is put in."""


_TYPES = {
    UUID: "uuid",
    datetime: "timestamptz",
    date: "date",
    bytes: "bytea",
    Binary: "bytea",
    Numbers: "int8[]",
    _Int4: "int4",
    _Int8: "int8",
    _Column: "unknown",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """`name` is made from the text and all that stands in it, so that it can mean nothing else on any connection, even
    where a pooler hands out those on which others have prepared."""

    name: str
    prepare: str  # with placeholders for the values that stand in the plan
    is_planned: tuple[bool, ...]

    def values_in_plan(self, parameters: Sequence[Any]) -> list[Any]:
        return [value for value, is_planned in zip(parameters, self.is_planned, strict=True) if is_planned]

    def execute(self, parameters: Sequence[Any], *, quote: Callable[[Any], str]) -> str:
        """Return what runs it with the values that do not stand in the plan; `quote` writes those of rare types."""
        given = [
            _WRITTEN.get(type(value), _written_other)(value) or quote(value)
            for value, is_planned in zip(parameters, self.is_planned, strict=True)
            if not is_planned
        ]
        return f"EXECUTE {self.name} ({', '.join(given)})" if given else f"EXECUTE {self.name}"


class Statements:
    """Those of one connection, at most `limit`. One is prepared when it is sent for the second time, and the one that
    was not used for the longest time makes room for it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._prepared: OrderedDict[Key, Statement] = OrderedDict()
        self._sent_once: OrderedDict[Key, None] = OrderedDict()
        self._refused: OrderedDict[Key, None] = OrderedDict()
        self._stale = False  # there are some in the session that are not among ours

    def find(self, key: Key) -> Statement | None:
        statement = self._prepared.get(key)
        if statement is not None:
            self._prepared.move_to_end(key)
        return statement

    def is_due(self, key: Key) -> bool:
        """Return whether to prepare it now that it is to be sent."""
        if key in self._sent_once:
            return True
        if key not in self._refused:
            self._remember(self._sent_once, key)
        return False

    def is_full(self) -> bool:
        """Return whether something has to be deallocated before another is prepared."""
        return self._stale or len(self._prepared) >= self.limit

    def make_room(self) -> list[str]:
        """Return what to send before another is prepared."""
        if not self.is_full():
            return []
        if self._stale:
            self._stale = False
            return ["DEALLOCATE ALL"]
        return [f"DEALLOCATE {self._prepared.popitem(last=False)[1].name}"]

    def add(self, key: Key, statement: Statement) -> None:
        del self._sent_once[key]
        self._prepared[key] = statement

    def refuse(self, key: Key) -> None:
        """Send this one as it is from now on."""
        self._sent_once.pop(key, None)
        self._remember(self._refused, key)

    def forget(self) -> None:
        """Have each prepared again when it is next due."""
        self._prepared.clear()
        self._stale = True

    def stop(self) -> None:
        self.forget()
        self.limit = 0

    def _remember(self, keys: OrderedDict[Key, None], key: Key) -> None:
        keys[key] = None
        if len(keys) > self.limit:
            keys.popitem(last=False)


def key_of(query: Any, parameters: Any) -> Key | None:
    """Return what the prepared statement is found by; None for one that is better sent as it is.

    Each parameter gets the type as which PostgreSQL reads its literal. Text and truth values stand in the plan: they
    are names of statuses, roles and kinds, of which there are few, and the best plan for a rare one is not that for a
    common one. So do limits: without one PostgreSQL would plan for a tenth of the table. Statements with lists are
    planned each time, for the values that they have: searches depend on it. Lists that are `Numbers` are not.
    """
    if type(query) is not str or len(query) > MOST_CHARACTERS or not isinstance(parameters, list | tuple):
        return None
    columns, are_limits = _shape(query)
    if are_limits is None or len(are_limits) != len(parameters):
        return None
    if columns:
        return query, columns
    kinds: list[Any] = []
    for value, is_limit in zip(parameters, are_limits, strict=True):
        kind: Any = type(value)
        if kind in _TYPES:
            if kind is datetime and value.tzinfo is None:
                return None
        elif value is None or kind is bool or (isinstance(value, str) and len(value) <= LONGEST_NAME):
            kind = value
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            kind = value if is_limit else _Int4 if -(2**31) <= value < 2**31 else _Int8
        else:
            return None
        kinds.append(kind)
    return query, tuple(kinds)


@lru_cache(1024)
def rows_written_by(query: str) -> int | None:
    """Return how many rows an INSERT of values writes; None of any other statement."""
    return query.count("(%s") if _INSERT.fullmatch(query) and " RETURNING " not in query else None


@lru_cache(1024)
def _shape(query: str) -> tuple[tuple[Any, ...], tuple[bool, ...] | None]:
    """Return the kinds of the parameters where they do not depend on the values (an INSERT of values alone), and of
    each parameter whether it is a limit; None if this cannot be prepared."""
    found = _PLACEHOLDER.findall(query)
    are_limits = tuple(bool(before) for before, mark in found if mark == "s")
    if ";" in query or len(are_limits) > MOST_PARAMETERS or any(mark not in "s%" for _, mark in found):
        return (), None
    if _INSERT.fullmatch(query):
        return (_Column,) * len(are_limits), are_limits
    return (), are_limits if _QUERY.match(query) else None


@lru_cache(1024)
def statement_of(key: Key) -> Statement:
    query, kinds = key
    in_order, numbers = iter(kinds), count(1)

    def fill(found: re.Match[str]) -> str:
        if found[2] == "%" or not isinstance(next(in_order), type):
            return found[0]
        return f"{found[1] or ''}${next(numbers)}"

    text = _PLACEHOLDER.sub(fill, query)
    types = [_TYPES[kind] for kind in kinds if isinstance(kind, type)]
    name = f"praxis_{blake2b(repr(key).encode(), digest_size=16).hexdigest()}"
    declared = f" ({', '.join(types)})" if types else ""
    return Statement(
        name=name,
        prepare=f"PREPARE {name}{declared} AS {text}",
        is_planned=tuple(not isinstance(kind, type) for kind in kinds),
    )


# --- Values as text ---------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[^'\\\0\ud800-\udfff]*")  # needs no escaping, and can be written


def _written_text(value: str) -> str:
    return f"'{value}'" if _PLAIN.fullmatch(value) else ""


def _written_bytes(value: bytes) -> str:
    return f"E'\\\\x{value.hex()}'"  # which means the same whatever standard_conforming_strings says


def _written_numbers(value: list[Any]) -> str:
    return f"'{{{','.join(map(str, value))}}}'" if set(map(type, value)) == {int} else ""


def _written_json(value: Jsonb) -> str:
    text = value.dumps(value.obj) if value.dumps else b""
    return _written_text(text) if isinstance(text, str) else ""


def _written_other(value: Any) -> str:
    return _written_text(str.__str__(value)) if isinstance(value, str) else ""  # of choices


# How a value is written whose parameter has its type already. psycopg, which takes eight calls for one, writes the
# rest: types that are not here, and values for which this gives nothing.
_WRITTEN: dict[type, Callable[[Any], str]] = {
    UUID: lambda value: f"'{value!s}'",
    datetime: lambda value: f"'{value!s}'",
    date: lambda value: f"'{value!s}'",
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "NULL",
    bytes: _written_bytes,
    Binary: lambda value: _written_bytes(bytes(value.obj)),
    str: _written_text,
    Jsonb: _written_json,
    list: _written_numbers,
    Numbers: _written_numbers,
    **dict.fromkeys((int, Int2, Int4, Int8), int.__repr__),
}
