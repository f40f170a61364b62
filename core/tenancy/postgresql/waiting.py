"""Statements of one transaction that wait for each other, to be sent in one message (docs/adr/0057)."""

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import ClientCursor, InternalError
from psycopg.pq.abc import PGresult

if TYPE_CHECKING:
    from core.tenancy.postgresql.base import ScopedCursor


class Part(NamedTuple):
    cursor: "ScopedCursor"
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

    def drop(self) -> None:
        """Forget them: an error has come between, so nothing of their transaction may be kept."""
        self._parts.clear()
        self._wrapper.needs_rollback = True

    def send(self) -> None:
        """Send what waits, and give each cursor its result. Raise what any of them raises, and InternalError if
        something in the database discards rows."""
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
        texts: list[str] = []
        places: list[int] = []
        scope = None
        first = parts[0].cursor
        with first.begun() as begin:
            for part in parts:
                if part.scope != scope:
                    texts.append(first.scope_text(part.scope))
                    scope = part.scope
                places.append(len(texts))
                texts.append(part.text)
            with first.checking_plans():
                results = _results(first.connection, begin + "; ".join(texts))
        found = results[-len(texts) :]
        for part, place in zip(parts, places, strict=True):
            part.cursor.arrived(found[place])
            if part.rows is not None and found[place].command_tuples != part.rows:
                raise InternalError("Not every row was written.")


def _results(connection: Any, message: str) -> list[PGresult]:
    with ClientCursor(connection) as sender:
        sender.execute(message.encode())
        return list(sender._results)
