"""SQLite's online backup: a copy of one state, while others write."""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from core.backups.dumps import Tables
from core.backups.errors import BackupError, Busy
from core.backups.targets import BUSY, in_chunks

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


class Sqlite:
    """A database file."""

    vendor = "sqlite"

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def version(self) -> str:
        return sqlite3.sqlite_version

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @contextmanager
    def lock(self) -> Iterator[None]:
        file = self.path.with_name(f"{self.path.name}-backup")
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
            file.unlink(missing_ok=True)
        except BlockingIOError as error:
            raise Busy(BUSY) from error
        finally:
            os.close(descriptor)

    @contextmanager
    def dump(self) -> Iterator["SqliteDump"]:
        """Copy the database to a private folder beside it, of which nothing is left."""
        with TemporaryDirectory(prefix=f"{self.path.name}-", dir=self.path.parent) as folder:
            copy = Path(folder, "copy.sqlite3")
            copy.touch(mode=0o600)
            try:
                with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as destination:
                    source.backup(destination)
                    destination.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.Error as error:
                raise BackupError(f"SQLite could not be copied: {error}.") from error
            yield SqliteDump(copy)

    def is_empty(self) -> bool:
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        with closing(sqlite3.connect(self.path)) as opened:
            return opened.execute(TABLES).fetchone() is None

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Write the file beside the old one, and take its place once it is whole."""
        unfinished = self.path.with_name(f"{self.path.name}-restoring")
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for part in chunks:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            with closing(sqlite3.connect(unfinished)) as opened:
                (state,) = opened.execute("PRAGMA quick_check").fetchone()
            if state != "ok":
                raise BackupError(f"The restored database is damaged: {state}.")
            for end in ("-wal", "-shm"):
                self.path.with_name(f"{self.path.name}{end}").unlink(missing_ok=True)
            unfinished.replace(self.path)
        except (OSError, sqlite3.Error) as error:
            raise BackupError(f"The database could not be written: {error}.") from error
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def tables(self) -> Tables:
        return SqliteDump(self.path).tables()

    @contextmanager
    def scratch(self, name: str) -> Iterator["Sqlite"]:
        with TemporaryDirectory(prefix=f"{self.path.name}-{name}-", dir=self.path.parent) as folder:
            yield Sqlite(str(Path(folder, "scratch.sqlite3")))

    def url(self) -> str:
        return f"sqlite:///{self.path.resolve()}"


class SqliteDump:
    def __init__(self, path: Path) -> None:
        self._path = path

    def tables(self) -> Tables:
        with closing(sqlite3.connect(self._path)) as opened:
            names = [name for (name,) in opened.execute(TABLES)]
            counts = ((name, opened.execute(f'SELECT count(*) FROM "{name}"')) for name in names)  # noqa: S608 - its own names
            return {name: {"rows": count.fetchone()[0]} for name, count in counts}

    def migrations(self) -> list[str]:
        with closing(sqlite3.connect(self._path)) as opened:
            return [f"{app}.{name}" for app, name in opened.execute("SELECT app, name FROM django_migrations")]

    def chunks(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            yield from in_chunks(file)
