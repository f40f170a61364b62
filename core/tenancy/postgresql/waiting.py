"""Statements of one transaction that wait for each other, to be sent in one message (docs/adr/0057)."""

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import ClientCursor, Error, InternalError
from psycopg.pq.abc import PGresult

if TYPE_CHECKING:
    from core.tenancy.postgresql.base import ScopedCursor


class Part(NamedTuple):
    cursor: "ScopedCursor"
    query: str  # as it was asked, without values
    scope: str  # of this statement; the wall holds for each by itself
    text: str
    rows: int | None  # that it has to write


class Waiting:
    """The statements of one connection. `wrapper` is Django's, which is told of a transaction that has failed."""

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        self._parts: list[Part] = []

    def add(self, part: Part) -> None:
        self._parts.append(part)

    def forget(self) -> None:
        """Forget those behind the savepoint to which the transaction is about to be rolled back: if that one waits, it
        is the first."""
        self._parts[:] = [part for part in self._parts[:1] if part.query.startswith("SAVEPOINT")]
        self._wrapper.needs_rollback = False

    def drop(self) -> None:
        """Forget them: an error has come between, so nothing of their transaction may be kept."""
        self._parts.clear()
        self._wrapper.needs_rollback = True

    def send(self) -> None:
        """Send what waits, and give each cursor its result. Raise what any of them raises, and InternalError if
        something in the database discards rows; a note of the error has the query that it is about."""
        parts, self._parts = self._parts, []
        if not parts:
            return
        try:
            with self._wrapper.wrap_database_errors:
                self._distribute(parts)
        except BaseException:
            self.drop()
            raise

    def _distribute(self, parts: list[Part]) -> None:
        first = parts[0].cursor
        scope = None
        part_at: dict[int, Part] = {}
        with first.begun() as begin, Message(first.connection) as message:
            texts = [begin.rstrip("; ")] if begin else []
            for part in parts:
                if part.scope != scope:
                    texts.append(first.scope_text(part.scope))
                    scope = part.scope
                part_at[len(texts)] = part
                texts.append(part.text)
            try:
                with first.checking_plans():
                    results = message.send(texts)
            except Error as error:
                if failed := part_at.get(message.arrived - 1):
                    error.add_note(failed.query)
                raise
        if len(results) != len(texts):
            raise InternalError("A message has not as many results as statements.")
        for place, part in part_at.items():
            part.cursor.arrived(results[place])
            if part.rows is not None and results[place].command_tuples != part.rows:
                missing = InternalError("Not every row was written.")
                missing.add_note(part.query)
                raise missing


class Message(ClientCursor[Any]):
    arrived = 0  # results; if a statement failed, the last is its error

    def send(self, texts: list[str]) -> list[PGresult]:
        self.execute("\n; ".join(texts).encode())  # a new line, for a text may end in a comment
        return list(self._results)

    def _check_results(self, results: list[PGresult]) -> None:
        self.arrived = len(results)
        super()._check_results(results)
