"""Where backups are kept: a folder, or a prefix in a bucket. What is written there appears whole or not at all."""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from core.backups.errors import BackupError, Busy

UNFINISHED = ".part"  # end of the name of what is still being written
READ_BYTES = 1024 * 1024
IN_MEMORY = 8 * READ_BYTES  # of an object of S3; a whole dump would not fit
BUSY = "Another backup, restore or drill is running. Wait until it has ended."


class Written(NamedTuple):
    size: int
    sha256: str


class Target(Protocol):
    """Names are paths below the target, with slashes."""

    def prepare(self) -> None: ...
    def tidy(self) -> None:
        """Remove what a killed process was writing. To be called with the lock."""

    def names(self, below: str) -> dict[str, int]:
        """Return each name below a folder with its size."""

    def write(self, name: str, parts: Iterable[bytes]) -> Written: ...
    def write_by_hash(self, name: Callable[[str], str], parts: Iterable[bytes]) -> Written:
        """Write what is named after the SHA-256 of its content."""

    def open(self, name: str) -> IO[bytes]: ...
    def delete(self, name: str) -> None: ...
    def flush(self) -> None: ...
    def free(self) -> int | None: ...
    def lock(self, *, shared: bool = False) -> Any: ...


def target_at(place: str) -> Target:
    """Return the target: a folder's path, or `s3://bucket/prefix`."""
    if place.startswith("s3://"):
        return Bucket(place)
    if "://" in place or not place.strip():
        raise BackupError(f"The place of backups is a folder or s3://bucket/prefix, not {place!r}.")
    return Folder(Path(place))


def _refuse_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise BackupError(f"{error.filename} cannot be read: {error.strerror}.") from error


class Folder:
    """A folder of this machine, a mounted disk or a share."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        files = Path(settings.FILES_DIR).resolve()
        if not settings.FILES_S3_BUCKET and (self.path == files or files in self.path.parents):
            raise BackupError(f"{self.path} is inside of FILES_DIR ({files}): a backup belongs elsewhere.")
        if not settings.FILES_S3_BUCKET and files.is_relative_to(self.path / "objects"):
            raise BackupError(f"FILES_DIR ({files}) is inside of {self.path}: a backup belongs elsewhere.")

    def prepare(self) -> None:
        """Make the folder, and find out whether it can be written to."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.path / f"probe-{os.getpid()}{UNFINISHED}").open("wb") as file:
                file.write(b"probe")
        except OSError as error:
            raise BackupError(f"{self.path} cannot be written to: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                (self.path / f"probe-{os.getpid()}{UNFINISHED}").unlink()

    def tidy(self) -> None:
        for left in self.path.glob(f"*/*/*{UNFINISHED}"):
            self.delete(left.relative_to(self.path).as_posix())

    def names(self, below: str) -> dict[str, int]:
        found = {}
        for directory, _, files in os.walk(self.path / below, onerror=_refuse_unreadable):
            for file in files:
                if not file.endswith(UNFINISHED):
                    path = Path(directory, file)
                    found[path.relative_to(self.path).as_posix()] = path.stat().st_size
        return found

    def write(self, name: str, parts: Iterable[bytes]) -> Written:
        written = self._write(self._unfinished(name), parts, durable=True)
        self._rename(self._unfinished(name), name)
        _sync(self.path / name, self.path / Path(name).parent)
        return written

    def write_by_hash(self, name: Callable[[str], str], parts: Iterable[bytes]) -> Written:
        """`flush` brings it to the disk with all others."""
        unfinished = self._unfinished(name("0"))
        written = self._write(unfinished, parts, durable=False)
        self._rename(unfinished, name(written.sha256))
        return written

    def _unfinished(self, name: str) -> Path:
        return self.path / f"{name}{UNFINISHED}"

    def _write(self, path: Path, parts: Iterable[bytes], *, durable: bool) -> Written:
        digest, size = hashlib.sha256(), 0
        try:
            for folder in (path.parent.parent, path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                for part in parts:
                    file.write(part)
                    digest.update(part)
                    size += len(part)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise
        return Written(size, digest.hexdigest())

    def _rename(self, path: Path, name: str) -> None:
        try:
            path.replace(self.path / name)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> BackupError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return BackupError(f"{self.path} is full. Earlier backups there are as good as before.")
        return BackupError(f"{self.path} cannot be written to: {error.strerror}.")

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self.path / name).open("rb")
        except OSError as error:
            raise BackupError(f"{name} cannot be read in {self.path}: {error.strerror}.") from error

    def delete(self, name: str) -> None:
        path = self.path / name
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            path.parent.rmdir()

    def flush(self) -> None:
        os.sync()

    def free(self) -> int | None:
        return shutil.disk_usage(self.path).free

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock of this folder. Who only reads it need not be able to write to it."""
        flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
        try:
            descriptor = os.open(self.path / "lock", flags, 0o600)
        except OSError:
            if not shared:
                raise
            yield
            return
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise Busy(BUSY) from error
        finally:
            os.close(descriptor)


class Bucket:
    """A prefix in an S3-compatible bucket, with the address and the keys of FILES_S3_*."""

    def __init__(self, place: str) -> None:
        from storages.backends.s3 import S3Storage  # boto3 takes a second to load

        parts = urlsplit(place)
        self.place, prefix = place, parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        if parts.netloc == settings.FILES_S3_BUCKET:
            raise BackupError(f"{parts.netloc} is the bucket of the files: a backup belongs in another.")
        options: dict[str, Any] = {
            **settings.FILES_S3_OPTIONS,
            "default_acl": None,
            "location": prefix,
            "file_overwrite": True,
            "max_memory_size": IN_MEMORY,
        }
        self._storage: Any = S3Storage(bucket_name=parts.netloc, **options)

    def prepare(self) -> None:
        with self._errors():
            self._storage.bucket.meta.client.head_bucket(Bucket=self._storage.bucket_name)

    def tidy(self) -> None:
        """What was not sent to its end is no object; a rule of the bucket removes its pieces."""

    def names(self, below: str) -> dict[str, int]:
        with self._errors():
            objects = self._storage.bucket.objects.filter(Prefix=f"{self._prefix}{below}/")
            return {one.key.removeprefix(self._prefix): one.size for one in objects}

    def write(self, name: str, parts: Iterable[bytes]) -> Written:
        """Send it piece by piece; it is there when the last has arrived."""
        digest, size = hashlib.sha256(), 0
        with self._errors():
            file = self._storage.open(name, "wb")
            for part in parts:
                file.write(part)
                digest.update(part)
                size += len(part)
            file.close()
        return Written(size, digest.hexdigest())

    def write_by_hash(self, name: Callable[[str], str], parts: Iterable[bytes]) -> Written:
        digest, size = hashlib.sha256(), 0
        with TemporaryFile() as spool:
            for part in parts:
                spool.write(part)
                digest.update(part)
                size += len(part)
            spool.seek(0)
            with self._errors():
                self._storage.bucket.upload_fileobj(spool, f"{self._prefix}{name(digest.hexdigest())}")
        return Written(size, digest.hexdigest())

    def open(self, name: str) -> IO[bytes]:
        with self._errors():
            file: IO[bytes] = self._storage.open(name, "rb")
            file.seek(0)
            return file

    def delete(self, name: str) -> None:
        with self._errors():
            self._storage.delete(name)

    def flush(self) -> None:
        """What S3 has accepted, it keeps."""

    def free(self) -> int | None:
        return None

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """S3 has no locks; the lock of the database keeps one installation from making two backups at once."""
        yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except FileNotFoundError as error:
            raise BackupError(f"{error} is not in {self.place}.") from error
        except (BotoCoreError, ClientError) as error:
            raise BackupError(f"{self.place} cannot be used: {type(error).__name__}.") from error


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def in_chunks(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(READ_BYTES):
        yield part
