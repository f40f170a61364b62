"""The uploaded files as they are stored: encrypted, each under its own key, which is in the database (docs/adr/0018).

They are copied as they are. Without the database, which is under BACKUP_KEY, and the key ring that wraps their keys
there, nobody can read them. An object in storage is never rewritten under its name, so a copy is made once.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from core.backups.errors import BackupError, Damaged
from core.backups.targets import Target, in_chunks

OBJECTS = "objects"
THREADS = 2  # SHA-256, reading and writing leave Python's lock alone
Item = TypeVar("Item")
Result = TypeVar("Result")
_OBJECT = re.compile(rf"{OBJECTS}/[0-9a-f]{{2}}/(?P<name>.+)-(?P<sha256>[0-9a-f]{{64}})")


class Copy(NamedTuple):
    """A file in a backup. `name` is its name in storage."""

    name: str
    size: int
    sha256: str

    @property
    def object(self) -> str:
        return object_name(self.name, self.sha256)


def object_name(name: str, sha256: str) -> str:
    """Return the name in the target, which says what the content must be."""
    folder = hashlib.sha256(name.encode()).hexdigest()[:2]
    return f"{OBJECTS}/{folder}/{name.replace('/', '~')}-{sha256}"


def stored() -> dict[str, int]:
    """Return each file in storage with its size."""
    storage = storages["files"]
    try:
        return dict(_local(Path(storage.path(""))) if isinstance(storage, FileSystemStorage) else _remote(storage))
    except Exception as error:  # each storage raises its own
        raise BackupError(f"The storage of files cannot be listed: {type(error).__name__}.") from error


def _refuse_unreadable(error: OSError) -> None:
    """What is not there has no files; what cannot be read may have some. A disk's own folder is nobody's to read."""
    if not isinstance(error, FileNotFoundError) and Path(error.filename).name != "lost+found":
        raise error


def _local(root: Path) -> Iterator[tuple[str, int]]:
    for directory, _, files in os.walk(root, onerror=_refuse_unreadable):
        for file in files:
            path = Path(directory, file)
            try:
                yield path.relative_to(root).as_posix(), path.stat().st_size
            except FileNotFoundError:
                continue  # removed meanwhile


def _remote(storage: Storage) -> Iterator[tuple[str, int]]:
    bucket = getattr(storage, "bucket", None)
    if bucket is not None:
        yield from ((one.key, one.size) for one in bucket.objects.all())
        return
    folders = [""]
    while folders:
        folder = folders.pop()
        inner, files = storage.listdir(folder)
        folders += [f"{folder}{name}/" for name in inner]
        yield from ((f"{folder}{name}", storage.size(f"{folder}{name}")) for name in files)


def copies_in(target: Target) -> dict[str, Copy]:
    """Return the copies in the target by the name of the object there."""
    found = {}
    for name, size in target.names(OBJECTS).items():
        match = _OBJECT.fullmatch(name)
        if match:
            found[name] = Copy(match["name"].replace("~", "/"), size, match["sha256"])
    return found


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item], *, seen: Callable[[Result], object]) -> None:
    """Do the work for each, and tell `seen` in this thread what it returned, in their order. What either raises ends
    it: nothing is begun any more, and nothing is under way when this returns."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        for result in pool.map(work, items):
            seen(result)
    finally:
        pool.shutdown(cancel_futures=True)


class Copying:
    """Copies what the target lacks. `trusted` are copies that an earlier backup names; of what else is there already,
    left by a backup that was interrupted, the content is read first."""

    def __init__(self, target: Target, trusted: Iterable[Copy], *, seen: Callable[[int], object]) -> None:
        self._target, self._seen = target, seen
        self._there = {(copy.name, copy.size): copy for copy in copies_in(target).values()}
        self._trusted = set(trusted)
        self.copies: dict[str, Copy] = {}
        self.copied = self.bytes_copied = 0

    def missing_bytes(self, files: dict[str, int]) -> int:
        return sum(size for name, size in files.items() if (name, size) not in self._there)

    def run(self, files: dict[str, int]) -> None:
        in_parallel(
            self._take,
            [(name, size) for name, size in files.items() if not self._has(name, size)],
            seen=self._taken,
        )

    def _taken(self, taken: tuple[Copy, bool] | None) -> None:
        if taken is None:
            return
        copy, is_new = taken
        self.copies[copy.name] = copy
        self.copied += is_new
        self.bytes_copied += is_new * copy.size
        self._seen(copy.size)

    def _has(self, name: str, size: int) -> bool:
        known = self.copies.get(name)
        return known is not None and known.size == size

    def _take(self, listed: tuple[str, int]) -> tuple[Copy, bool] | None:
        """Return the copy and whether it was made now, or None: the file was removed since it was listed, and the
        database that is backed up afterwards does not name it."""
        name, _size = listed
        there = self._there.get(listed)
        if there is not None and (there in self._trusted or is_as_written(self._target, there)):
            return there, False
        try:
            with storages["files"].open(name, "rb") as file:
                written = self._target.write_by_hash(lambda sha256: object_name(name, sha256), in_chunks(file))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BackupError(f"The file {name} cannot be read: {error.strerror or type(error).__name__}.") from error
        return Copy(name, written.size, written.sha256), True


def is_as_written(target: Target, copy: Copy) -> bool:
    digest = hashlib.sha256()
    with target.open(copy.object) as file:
        for part in in_chunks(file):
            digest.update(part)
    return digest.hexdigest() == copy.sha256


def restore(target: Target, copy: Copy) -> None:
    """Put a file back into storage; leave it if it is there."""
    storage = storages["files"]
    if storage.exists(copy.name):
        if _hash_of(storage, copy.name) == copy.sha256:
            return
        storage.delete(copy.name)  # half written by a restore that was killed
    with target.open(copy.object) as file:
        stored_as = storage.save(copy.name, File(file))
    if stored_as != copy.name or _hash_of(storage, copy.name) != copy.sha256:
        raise Damaged(f"The file {copy.name} could not be written as it was.")


def _hash_of(storage: Storage, name: str) -> str:
    digest = hashlib.sha256()
    with storage.open(name, "rb") as file:
        for part in in_chunks(file):
            digest.update(part)
    return digest.hexdigest()
