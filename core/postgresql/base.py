"""ENGINE "core.postgresql": every statement carries the scope it is sent in, for the policies of
core/row_security.py."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base, operations
from psycopg import ClientCursor, sql
from psycopg.copy import Copy
from psycopg.pq import TransactionStatus

from core.scope import open_scope

SETTING = "praxis.practice"
TELL = f"SET LOCAL {SETTING} TO %s; "


class ScopedCursor(base.CursorMixin, ClientCursor[Any]):
    """Sends `SET LOCAL` (which is `set_config(…, true)` without an answer) and the statement as one message.

    PostgreSQL runs such a message as one transaction, so outside of `atomic()` the setting lasts for that statement
    alone, and the pool's next borrower never finds it. Inside a transaction each statement tells the scope anew: one
    that was closed, or was told before a savepoint was rolled back, is not the one that counts.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> "ScopedCursor":
        if not self._tells():
            super().execute(query, params, **options)
            return self
        text = query if isinstance(query, str) else _text(query, self)
        if params is None or isinstance(params, Mapping):
            super().execute(TELL % f"'{_told()}'" + text, params, **options)
        else:  # as a parameter: psycopg remembers how it has split a text, which then is the same for every practice
            super().execute(TELL + text, (_told(), *params), **options)
        self.nextset()
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        with self._telling():
            super().executemany(query, params_seq, **options)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Copy]:
        with self._telling(), super().copy(statement, params, **options) as copy:
            yield copy

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with self._telling():
            yield from super().stream(query, params, **options)

    def tell(self) -> None:
        """Tell the transaction, for a statement that cannot share a message."""
        super().execute(TELL % f"'{_told()}'")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        if not self._tells():
            yield
        elif self._in_transaction():
            self.tell()
            yield
        else:
            with self.connection.transaction():
                self.tell()
                yield

    def _tells(self) -> bool:
        """Not where no scope is open and nothing can be left of an earlier one: some statements (VACUUM, CREATE
        DATABASE) must stand alone. Nor in a transaction that has failed, which takes nothing but its end."""
        if self.connection.pgconn.transaction_status == TransactionStatus.INERROR:
            return False
        return open_scope() is not None or self._in_transaction()

    def _in_transaction(self) -> bool:
        connection = self.connection
        return not connection.autocommit or connection.pgconn.transaction_status != TransactionStatus.IDLE


def _told() -> str:
    """The open scope as the policies read it: empty where there is none."""
    return str(open_scope() or "")


def _text(query: Any, cursor: ScopedCursor) -> str:
    return query.as_string(cursor) if isinstance(query, sql.Composable) else query.decode()


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """What `connection.queries` shows: the statement as its caller sent it."""
        sent = str(super().last_executed_query(cursor, sql, params))
        return sent.partition("; ")[2] if sent.startswith(TELL.split("%")[0]) else sent


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations

    def get_connection_params(self) -> dict[str, Any]:
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            raise ImproperlyConfigured("server_side_binding cannot be used: it takes one statement in a message.")
        parameters: dict[str, Any] = super().get_connection_params()
        return {**parameters, "cursor_factory": ScopedCursor}

    def chunked_cursor(self) -> Any:
        """For `.iterator()`: a server-side cursor inside a transaction, which is told the scope before it is opened.
        Outside one it would live on when the setting is gone, so the rows come at once there."""
        if self.get_autocommit():
            return self.cursor()
        with self.cursor() as cursor:
            cursor.cursor.tell()
        return super().chunked_cursor()
