"""pg_dump and pg_restore of one snapshot, as a role that row-level security does not hold back."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from core.backups.dumps import Tables
from core.backups.errors import BackupError, Busy
from core.backups.targets import BUSY, in_chunks

LOCK = "praxis backup"
PASSED_ON = ("sslmode", "sslrootcert", "sslcert", "sslkey", "service", "passfile", "connect_timeout")  # of OPTIONS
NAMES = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
# No filter by row-level security, an error instead.
SETTINGS = (
    "SET row_security = off; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET jit = off"
)
# The hash of each row as it is stored, a fifth of what its text would take (bench/RESULTS.md, "Backups").
COUNT = "SELECT count(*), coalesce(sum(hash_record_extended(t, 0)::numeric), 0)::text FROM {table} t"
NEEDS_OWNER = (
    "Set BACKUP_DATABASE_URL to the tables' owner, a superuser, or to a role that may read everything: "
    "CREATE ROLE praxis_backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO praxis_backup;"
)


@dataclass(frozen=True)
class Postgresql:
    """A database; `parameters` are those of libpq."""

    parameters: dict[str, str]
    vendor: str = "postgresql"

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Postgresql":
        named = {
            "dbname": given["NAME"],
            "host": given.get("HOST"),
            "port": given.get("PORT"),
            "user": given.get("USER"),
            "password": given.get("PASSWORD"),
            **{name: value for name, value in given.get("OPTIONS", {}).items() if name in PASSED_ON},
        }
        return cls({name: str(value) for name, value in named.items() if value not in (None, "")})

    def version(self) -> str:
        with self._connected() as opened:
            return str(opened.info.server_version // 10_000) + f".{opened.info.server_version % 10_000}"

    def size(self) -> int:
        with self._connected() as opened:
            row = opened.execute(
                "SELECT coalesce(sum(pg_table_size(oid)), 0) FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace"
            ).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._connected() as opened:
            opened.autocommit = True
            row = opened.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [LOCK]).fetchone()
            if not row or not row[0]:
                raise Busy(BUSY)
            try:
                yield
            finally:
                with suppress(psycopg.OperationalError):  # or who comes next may meet a backend that is still ending
                    opened.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [LOCK])

    @contextmanager
    def dump(self) -> Iterator["PostgresqlDump"]:
        with self._connected() as opened:
            opened.execute(SETTINGS)
            opened.commit()
            opened.isolation_level, opened.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            row = opened.execute("SELECT pg_export_snapshot()").fetchone()
            assert row
            yield PostgresqlDump(self, opened, row[0])

    def is_empty(self) -> bool:
        with self._connected() as opened:
            return opened.execute(TABLES).fetchone() is None

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Feed pg_restore, whose single transaction is committed at the end or not at all."""
        command = ["pg_restore", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
        command += ["--dbname", self.parameters["dbname"]]
        with TemporaryFile() as said:
            process = self._start(command, stdin=subprocess.PIPE, stderr=said)
            assert process.stdin
            try:
                with suppress(BrokenPipeError):
                    for part in chunks:
                        process.stdin.write(part)
                with suppress(BrokenPipeError):
                    process.stdin.close()
            except BaseException:
                process.kill()  # before its input ends, or it would commit
                process.wait()
                raise
            if process.wait():
                raise BackupError(f"The database could not be restored, and is empty: {_last_words(said)}")
        with self._connected() as opened:
            opened.autocommit = True
            opened.execute("ANALYZE")

    def tables(self) -> Tables:
        with self._connected() as opened:
            opened.execute(SETTINGS)
            return _count(opened)

    @contextmanager
    def scratch(self, name: str) -> Iterator["Postgresql"]:
        """The database is dropped also if the drill fails, and one that was left by a killed drill before it."""
        database = f"{self.parameters['dbname'][:40]}_{name}"
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        with self._connected() as opened:
            opened.autocommit = True
            opened.execute(drop)
            try:
                opened.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(database)))
            except psycopg.Error as error:
                raise BackupError(f"No scratch database could be made: {_sentence(error)}") from error
        try:
            yield replace(self, parameters={**self.parameters, "dbname": database})
        finally:
            with self._connected() as opened:
                opened.autocommit = True
                opened.execute(drop)

    def url(self) -> str:
        rest = dict(self.parameters)
        user, password = quote(rest.pop("user", ""), safe=""), quote(rest.pop("password", ""), safe="")
        host, port = quote(rest.pop("host", ""), safe=""), rest.pop("port", "")
        name = quote(rest.pop("dbname"), safe="")
        who = f"{user}{':' if password else ''}{password}@" if user else ""
        return f"postgresql://{who}{host}{f':{port}' if port else ''}/{name}{f'?{urlencode(rest)}' if rest else ''}"

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        try:
            opened = psycopg.connect(make_conninfo(**self.parameters), connect_timeout=5)
        except psycopg.Error as error:
            raise BackupError(f"The database cannot be reached: {_sentence(error)}") from error
        try:
            yield opened
        except psycopg.errors.InsufficientPrivilege as error:
            raise BackupError(f"{_sentence(error)} {NEEDS_OWNER}") from error
        except psycopg.Error as error:
            raise BackupError(f"PostgreSQL refused: {_sentence(error)}") from error
        finally:
            opened.close()

    def _start(self, command: list[str], **pipes: Any) -> "subprocess.Popen[bytes]":
        ours = {NAMES.get(name, f"PG{name.upper()}"): value for name, value in self.parameters.items()}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | ours
        try:
            return subprocess.Popen(command, env=environment, **pipes)  # noqa: S603 - pg_dump, pg_restore
        except FileNotFoundError as error:
            raise BackupError(
                f"{command[0]} is not installed: apt install postgresql-client, of the server's version."
            ) from error


class PostgresqlDump:
    """A snapshot that is kept for as long as its connection is open."""

    def __init__(self, database: Postgresql, opened: psycopg.Connection, snapshot: str) -> None:
        self._database, self._opened, self._snapshot = database, opened, snapshot

    def tables(self) -> Tables:
        return _count(self._opened)

    def migrations(self) -> list[str]:
        found = self._opened.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
        return [f"{app}.{name}" for app, name in found]

    def chunks(self) -> Iterator[bytes]:
        """Yield what pg_dump writes; most of it is encrypted already, which compression cannot make smaller."""
        command = ["pg_dump", "--format=custom", "--compress=1", "--no-owner", "--no-privileges"]
        command += [f"--snapshot={self._snapshot}"]
        with TemporaryFile() as said:
            process = self._database._start(command, stdout=subprocess.PIPE, stderr=said)
            assert process.stdout
            try:
                yield from in_chunks(process.stdout)
            except BaseException:
                process.kill()
                raise
            finally:
                process.stdout.close()
                code = process.wait()
            if code:
                words = _last_words(said)
                raise BackupError(f"pg_dump failed: {words}{f' {NEEDS_OWNER}' if 'permission' in words else ''}")


def _count(opened: psycopg.Connection) -> Tables:
    found: Tables = {}
    for (name,) in opened.execute(TABLES).fetchall():
        row = opened.execute(sql.SQL(COUNT).format(table=sql.Identifier(name))).fetchone()
        assert row
        found[name] = {"rows": row[0], "hash": row[1]}
    return found


def _sentence(error: psycopg.Error) -> str:
    text = str(error).strip().partition("\n")[0]
    return text if text.endswith(".") else f"{text}."


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = [line for line in said.read().decode(errors="replace").splitlines() if line.strip()]
    return " ".join(line.partition("error: ")[2] or line for line in lines[:3])[:500] or "it gave no reason."
