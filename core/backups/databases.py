"""Dumping a database and putting it back, with the means of the database itself."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from django.conf import settings
from django.db import connection

from core.backups.errors import BackupError

Tables = dict[str, dict[str, Any]]  # name: rows, and a checksum of them where the database makes one


class Dump(Protocol):
    """One consistent state of the database."""

    def tables(self) -> Tables: ...
    def migrations(self) -> list[str]: ...
    def chunks(self) -> Iterator[bytes]: ...


class Database(Protocol):
    """A database as its owner sees it: row-level security hides nothing."""

    vendor: str

    def version(self) -> str: ...
    def size(self) -> int: ...
    def lock(self) -> AbstractContextManager[None]: ...
    def dump(self) -> AbstractContextManager[Dump]: ...
    def is_empty(self) -> bool: ...
    def restore(self, chunks: Iterable[bytes]) -> None:
        """Fill an empty database, or raise BackupError and leave it empty."""

    def tables(self) -> Tables: ...
    def scratch(self, name: str) -> AbstractContextManager["Database"]:
        """Make an empty database beside this one, which is gone afterwards."""

    def url(self) -> str: ...


def owned() -> Database:
    """Return the database, through BACKUP_DATABASE_URL if that is set."""
    given: dict[str, Any] = settings.BACKUP_DATABASE or connection.settings_dict
    if "postgresql" in given["ENGINE"]:
        from core.backups.postgresql import Postgresql

        return Postgresql.of(given)
    if "sqlite" in given["ENGINE"]:
        from core.backups.sqlite import Sqlite

        return Sqlite(str(given["NAME"]))
    raise BackupError("Only PostgreSQL and SQLite are backed up.")


Progress = Callable[[int], object]
