"""ENGINE "core.tenancy.postgresql": sends the current scope with every statement, for the policies of
core/tenancy/row_level_security.py, and has statements planned once. While the server is known to be away, it fails at
once."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base, operations, psycopg_any, schema
from psycopg import ClientCursor, OperationalError, errors, sql
from psycopg.adapt import Transformer
from psycopg.conninfo import make_conninfo
from psycopg.copy import Copy
from psycopg.pq import PGconn, Ping, TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from core.tenancy.postgresql.prepared import Key, Statement, Statements, key_of, rows_written_by, statement_of
from core.tenancy.postgresql.waiting import Part, Waiting
from core.tenancy.scope import open_scope

RETRY_SECONDS = 1.0  # after a failed connection
WAIT_SECONDS = 15  # for a connection of a busy pool
PREPARED_STATEMENTS = 100  # of each connection
BEGIN, BEGIN_DUE = "BEGIN; ", "begin_due"  # the second is set on a connection whose next statement begins a transaction
WAITING = "waiting"  # set on a connection whose statements wait for each other
SETTING = "praxis.practice"
SET_SCOPE = f"SET LOCAL {SETTING} TO %s; "


class ScopedCursor(base.CursorMixin, ClientCursor[Any]):
    """Sends `SET LOCAL` (`set_config(…, true)` without a result) and the statement as one message.

    PostgreSQL runs such a message as one transaction, so outside of `atomic()` the setting lasts for that statement
    only, and the next user of the pooled connection never sees it. Inside a transaction each statement sets the scope
    again: it may have changed, or a savepoint from before it was set may have been rolled back.
    """

    def __init__(self, *args: Any, prepared_statements: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)
        known = vars(self.connection)
        if "statements" not in known:
            known["statements"] = Statements(prepared_statements)
        self._statements: Statements = known["statements"]
        self._promised: int | None = None  # rows that a waiting statement writes
        self._waits = False

    def execute(self, query: Any, params: Any = None, **options: Any) -> "ScopedCursor":
        statement = self._find_or_prepare(query, params)
        sent = (query, params) if statement is None else (statement.execute(params, quote=self._quote), None)
        if WAITING in vars(self.connection) and not options and self._can_wait(query):
            return self._wait(query, *sent)
        try:
            with self.checking_plans():
                return self._send(*sent, **options)
        except (errors.FeatureNotSupported, errors.InvalidSqlStatementName):
            if statement is None or self._in_transaction():
                raise
        return self._send(query, params, **options)

    @contextmanager
    def checking_plans(self) -> Iterator[None]:
        """Forget what was prepared if PostgreSQL says that it does not hold any more."""
        try:
            yield
        except errors.FeatureNotSupported:  # a migration has changed the type of a column that it returns
            self._statements.forget()
            raise
        except errors.InvalidSqlStatementName:  # a pooler has given this connection another session
            self._statements.stop()
            raise

    def _can_wait(self, query: Any) -> bool:
        return isinstance(query, str) and ";" not in query and not self._has_failed()

    def _wait(self, query: str, text: str, params: Any) -> "ScopedCursor":
        """Have the statement wait for others. Rows of values are promised to be written: that they are is checked."""
        self._promised, self._waits = rows_written_by(query), True
        if params is None:
            self._tx = Transformer(self)  # reads the result; `mogrify` makes its own
        else:
            text = self.mogrify(text, params)
        part = Part(self, query, _scope_value(), text, self._promised)
        vars(self.connection)[WAITING].add(part)
        return self

    def arrived(self, result: Any) -> None:
        """Take the result of a statement that has waited."""
        self._waits = False
        if not self.closed:
            self._results[:] = [result]
            self._select_current_result(0)

    def _send_waiting(self) -> None:
        if waiting := vars(self.connection).get(WAITING):
            waiting.send()

    @property
    def rowcount(self) -> int:
        if self._waits and self._promised is not None:
            return self._promised
        if self._waits:
            self._send_waiting()
        return super().rowcount

    @property
    def description(self) -> Any:
        if self._waits:
            self._send_waiting()
        return super().description

    def fetchone(self) -> Any:
        if self._waits:
            self._send_waiting()
        return super().fetchone()

    def fetchmany(self, size: int = 0) -> list[Any]:
        if self._waits:
            self._send_waiting()
        return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        if self._waits:
            self._send_waiting()
        return super().fetchall()

    def __iter__(self) -> "ScopedCursor":
        if self._waits:
            self._send_waiting()
        return self

    @staticmethod
    def scope_text(scope: str) -> str:
        """Return what sets a scope, without what parts it from the next statement."""
        return SET_SCOPE[:-2] % f"'{scope}'"

    def _send(self, query: Any, params: Any, **options: Any) -> "ScopedCursor":
        self._send_waiting()
        if not self._needs_scope():
            super().execute(query, params, **options)
            return self
        text = query if isinstance(query, str) else _text(query, self)
        with self.begun() as begin:
            if params is None or isinstance(params, Mapping):
                super().execute(begin + SET_SCOPE % f"'{_scope_value()}'" + text, params, **options)
            else:  # as a parameter: psycopg caches how it has parsed a statement, which is the same for every practice
                super().execute(begin + SET_SCOPE + text, (_scope_value(), *params), **options)
        for _ in range(2 if begin else 1):
            self.nextset()
        return self

    def _quote(self, value: Any) -> str:
        return sql.quote(value, self)

    def _find_or_prepare(self, query: Any, params: Any) -> Statement | None:
        if not self._statements.limit or self._has_failed():
            return None
        key = key_of(query, params)
        if key is None:
            return None
        statement = self._statements.find(key)
        if statement is None and self._statements.is_due(key):
            statement = self._prepare(key, params)
        return statement

    def _prepare(self, key: Key, params: Any) -> Statement | None:
        """Prepare a statement and return it; None if PostgreSQL will not, without harm to an open transaction."""
        statement = statement_of(key)
        if self._statements.is_full():
            self._send_waiting()  # it may run the one that makes room
        text = "; ".join([*self._statements.make_room(), statement.prepare])
        if self._in_transaction():
            text = f"SAVEPOINT praxis; {text}; RELEASE praxis"
        try:
            with self.begun() as begin:
                super().execute(begin + text, statement.values_in_plan(params))
        except (errors.ProgrammingError, errors.NotSupportedError, errors.DataError) as error:
            if self._has_failed():
                super().execute("ROLLBACK TO praxis; RELEASE praxis")
            if isinstance(error, errors.InvalidSqlStatementName):
                self._statements.stop()
            if not isinstance(error, errors.DuplicatePreparedStatement):
                self._statements.refuse(key)
                return None
        self._statements.add(key, statement)
        return statement

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        with self._with_scope():
            super().executemany(query, params_seq, **options)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Copy]:
        with self._with_scope(), super().copy(statement, params, **options) as copy:
            yield copy

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        with self._with_scope():
            yield from super().stream(query, params, **options)

    def set_scope(self) -> None:
        """Set the scope of the transaction, for a statement that cannot share a message."""
        self._send_waiting()
        with self.begun() as begin:
            super().execute(begin + SET_SCOPE % f"'{_scope_value()}'")

    @contextmanager
    def _with_scope(self) -> Iterator[None]:
        if not self._needs_scope():
            yield
        elif self._in_transaction():
            self.set_scope()
            yield
        else:
            with self.connection.transaction():
                self.set_scope()
                yield

    def _needs_scope(self) -> bool:
        """Return False if no scope is open and no earlier one can be left: some statements (VACUUM, CREATE DATABASE)
        must be sent alone. Also in a failed transaction, which accepts only its end."""
        if self._has_failed():
            return False
        return open_scope() is not None or self._in_transaction()

    def _has_failed(self) -> bool:
        return self.connection.pgconn.transaction_status == TransactionStatus.INERROR

    def _in_transaction(self) -> bool:
        connection = self.connection
        return (
            connection.pgconn.transaction_status != TransactionStatus.IDLE
            or not connection.autocommit
            or BEGIN_DUE in vars(connection)
        )

    @contextmanager
    def begun(self) -> Iterator[str]:
        """Give what begins the transaction that Django has entered, in front of its first statement. It stays due if
        the message was never sent, because psycopg cannot write one of its values."""
        known = vars(self.connection)
        is_due = known.pop(BEGIN_DUE, False)
        try:
            yield BEGIN if is_due else ""
        except BaseException:
            if is_due and self.connection.pgconn.transaction_status == TransactionStatus.IDLE:
                known[BEGIN_DUE] = True
            raise


def _give_up(pool: ConnectionPool[Any]) -> None:
    """Close a pool that could not connect, which fails everyone who waits for a connection; the next caller opens a new
    one. Where the server answers but has no connection left for us, those in use are waited for.

    Called by a thread of the pool, which cannot wait for its own end.
    """
    if pool.get_stats()["pool_size"] and _answers(pool.kwargs):
        return
    pools = DatabaseWrapper._connection_pools  # type: ignore[attr-defined] # django-stubs does not know it
    for alias in [alias for alias, known in pools.items() if known is pool]:
        del pools[alias]
    threading.Thread(target=pool.close, kwargs={"timeout": 1}, daemon=True).start()


def _answers(connection: Any) -> bool:
    """Return whether a server is there and lets people in, be it not us."""
    place = {name: connection[name] for name in ("host", "port", "connect_timeout") if name in connection}
    return PGconn.ping(make_conninfo(**place).encode()) == Ping.OK


def _scope_value() -> str:
    """Return the current scope as the policies read it; empty without one."""
    return str(open_scope() or "")


def _text(query: Any, cursor: ScopedCursor) -> str:
    return query.as_string(cursor) if isinstance(query, sql.Composable) else query.decode()


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """Return the statement as its caller sent it, for `connection.queries`."""
        return str(self.compose_sql(sql, params))


class QuickTzLoader(psycopg_any.BaseTzLoader):
    """Reads a moment as the server writes it for a session in UTC. psycopg reads it with a regular expression, which
    was a twelfth of a page of appointments."""

    def load(self, data: Any) -> Any:
        text = bytes(data).decode()
        if text.endswith("+00"):
            try:
                return datetime.fromisoformat(text).replace(tzinfo=self.timezone)
            except ValueError:  # a year beyond 9999 or before Christ, and infinity
                pass
        return super().load(data)


@cache
def _loader_of(timezone: Any) -> type[QuickTzLoader]:
    return type("SpecificTzLoader", (QuickTzLoader,), {"timezone": timezone})


class SchemaEditor(schema.DatabaseSchemaEditor):
    def execute(self, sql: Any, params: Any = ()) -> None:
        """Change the database; a statement that was planned for the tables as they were is planned anew."""
        super().execute(sql, params)
        if self.connection.connection is not None and "statements" in vars(self.connection.connection):
            vars(self.connection.connection)["statements"].forget()


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
    SchemaEditorClass = SchemaEditor
    _away_until = 0.0  # of all connections, on the monotonic clock

    @property
    def pool(self) -> ConnectionPool[Any] | None:
        """Return the pool, which fails whoever waits as soon as no connection is left and none can be made."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if options:
            options |= {"reconnect_timeout": 0, "reconnect_failed": _give_up}
        found: ConnectionPool[Any] | None = super().pool
        return found

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Raise OperationalError at once for a second after the server could not be reached; then one caller tries
        again. Waiting for a connection of a busy pool says nothing of the server."""
        if DatabaseWrapper._away_until:
            if time.monotonic() < DatabaseWrapper._away_until:
                raise OperationalError("The database could not be reached a moment ago.")
            DatabaseWrapper._away_until = time.monotonic() + RETRY_SECONDS
        try:
            connection = self._wait_for_connection(conn_params)
        except PoolTimeout:
            raise
        except OperationalError:
            DatabaseWrapper._away_until = time.monotonic() + RETRY_SECONDS
            raise
        DatabaseWrapper._away_until = 0.0
        vars(connection).pop(BEGIN_DUE, None)  # of a request that died
        return connection

    def _wait_for_connection(self, conn_params: dict[str, Any]) -> Any:
        """Wait in rounds of the pool's `timeout`, because a pool that is closed just then forgets who has come last."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                if time.monotonic() >= deadline:
                    raise

    def get_connection_params(self) -> dict[str, Any]:
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            raise ImproperlyConfigured("server_side_binding cannot be used: it allows only one statement in a message.")
        parameters: dict[str, Any] = super().get_connection_params()
        parameters["context"].register_loader("timestamptz", _loader_of(self.timezone))
        limit = parameters.pop("prepared_statements", PREPARED_STATEMENTS)
        return {**parameters, "cursor_factory": partial(ScopedCursor, prepared_statements=limit)}

    def _start_transaction_under_autocommit(self) -> None:
        """Begin with the first statement, in the same message. psycopg would send BEGIN by itself and wait for it."""
        if self.connection.isolation_level is None:
            vars(self.connection)[BEGIN_DUE] = True
        else:
            self._set_autocommit(False)  # type: ignore[attr-defined] # Django's own; django-stubs do not know these three

    def _commit(self) -> None:
        self._forget_begin()
        super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._forget_begin()
        super()._rollback()  # type: ignore[misc]

    def _forget_begin(self) -> None:
        """A transaction without a statement has never begun."""
        if self.connection is not None:
            vars(self.connection).pop(BEGIN_DUE, None)

    @contextmanager
    def sent_together(self) -> Iterator[None]:
        """What core/database/together.py says. A block within another sends what waits before it and in it by itself,
        so that what is raised is about the block."""
        self.ensure_connection()
        known = vars(self.connection)
        is_outermost = WAITING not in known
        waiting = known.setdefault(WAITING, Waiting(self))
        try:
            waiting.send()
            yield
            waiting.send()
        except BaseException:
            waiting.drop()
            raise
        finally:
            if is_outermost:
                known.pop(WAITING, None)

    def _send_waiting(self) -> None:
        if waiting := vars(self.connection).get(WAITING):
            waiting.send()

    def check_constraints(self, table_names: Iterable[str] | None = None) -> None:
        super().check_constraints(table_names)
        self._send_waiting()

    def _savepoint(self, sid: str) -> None:
        """Send what waits first, which is not to be rolled back."""
        self._send_waiting()
        super()._savepoint(sid)  # type: ignore[misc]

    def _savepoint_commit(self, sid: str) -> None:
        """Send what waits first, so that Django rolls it back if it fails."""
        self._send_waiting()
        super()._savepoint_commit(sid)  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        """Roll back what was sent since the savepoint, and never send what waits. Nothing travels behind it, since it
        takes the scope back."""
        if waiting := vars(self.connection).get(WAITING):
            waiting.forget()
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._send_waiting()

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        if name:
            cursor._withhold = self.get_autocommit()  # as Django has it where psycopg knows of the transaction
        return cursor

    def chunked_cursor(self) -> Any:
        """Return a cursor for `.iterator()`: inside a transaction a server-side one, opened after the scope was set.
        Outside one it would outlive the setting, so all rows are fetched at once."""
        if self.get_autocommit():
            return self.cursor()
        with self.cursor() as cursor:
            cursor.cursor.set_scope()
        return super().chunked_cursor()
