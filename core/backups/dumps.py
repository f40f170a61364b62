"""What Praxis asks of a database for its backups."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

Tables = dict[str, dict[str, Any]]  # name: rows, and a hash of them where the database makes one


class Dump(Protocol):
    """One consistent state of the database."""

    def tables(self) -> Tables:
        """Count. May be called by another thread while this one takes the chunks."""

    def migrations(self) -> list[str]: ...
    def chunks(self) -> Iterator[bytes]: ...


class Database(Protocol):
    """A database as its owner sees it: row-level security hides nothing."""

    @property
    def vendor(self) -> str: ...
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
