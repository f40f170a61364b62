"""How a ring of keys is written down: `id@date:base64` entries, newest first, a comma or a line end between them.

The date is the day the key was made; an entry without one opens data as well (docs/adr/0007). Standard library
alone: it is read while the settings are, and before Django is.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self

KEY_BYTES = 32
FEWEST_DISTINCT = 12  # of the bytes: fewer are a placeholder
LAST_ID = 0xFFFF
_ENTRY = re.compile(r"(?P<id>\d{1,5})(?:@(?P<made>\d{4}-\d{2}-\d{2}))?:(?P<secret>\S+)", re.ASCII)


class BadRing(ValueError):
    """What is written there is no ring. Says why in the rest of a sentence, and repeats no part of a key."""


class Key(bytes):
    """The 32 bytes, and the day they were made where that is known."""

    made: date | None

    def __new__(cls, secret: bytes, made: date | None = None) -> Self:
        key = super().__new__(cls, secret)
        key.made = made
        return key

    @classmethod
    def new(cls) -> Self:
        return cls(os.urandom(KEY_BYTES), datetime.now(UTC).date())

    def __repr__(self) -> str:
        return f"<key made {self.made or 'on an unknown day'}>"


Ring = dict[int, Key]


def parse(text: str) -> Ring:
    """Key id (1 to 65535) to key, in the order written. Raises BadRing; an empty text is an empty ring."""
    ring: Ring = {}
    for entry in re.split(r"[,\n]", text):
        if not entry.strip():
            continue
        key_id, key = _parse_entry(entry.strip())
        if key_id in ring:
            raise BadRing(f"has two keys with the id {key_id}; every key has an id of its own.")
        ring[key_id] = key
    return ring


def _parse_entry(entry: str) -> tuple[int, Key]:
    found = _ENTRY.fullmatch(entry)
    try:
        secret = base64.b64decode(found["secret"], validate=True) if found else b""
        made = date.fromisoformat(found["made"]) if found and found["made"] else None
    except (binascii.Error, ValueError):
        secret, made = b"", None
    if not found or len(secret) != KEY_BYTES or len(set(secret)) < FEWEST_DISTINCT:
        raise BadRing("must be 'id:key' or 'id@date:key' entries, the key 32 random bytes in base64.")
    if not 1 <= int(found["id"]) <= LAST_ID:
        raise BadRing(f"has a key with the id {found['id']}; ids go from 1 to {LAST_ID}.")
    return int(found["id"]), Key(secret, made)


def entry_of(key_id: int, key: Key) -> str:
    made = f"@{key.made}" if key.made else ""
    return f"{key_id}{made}:{base64.b64encode(key).decode()}"


def next_id(ring: Mapping[int, bytes]) -> int:
    """Raises BadRing where the ids have run out."""
    if max(ring) == LAST_ID:
        raise BadRing(f"has a key with the id {LAST_ID}, the last there is.")
    return max(ring) + 1


def add_key(path: Path, *, before: int) -> int:
    """Make the file's ring begin with a new key, whose id is the answer. Raises OSError, and BadRing where it does not
    begin with the key `before` any more: two that add a key at once would each write over the other's."""
    with _locked(path):
        ring = parse(path.read_text())
        if next(iter(ring), None) != before:
            raise BadRing(f"does not begin with key {before} any more: somebody else has just added another.")
        key_id = next_id(ring)
        write(path, {key_id: Key.new(), **ring})
    return key_id


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, by a lock on a file beside it, for the file itself is replaced."""
    path = path.resolve()
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        _own_like(path.stat(), lock.fileno())
        flock(lock, LOCK_EX)
        yield


def _own_like(before: os.stat_result, descriptor: int) -> None:
    """So that what root has written stays the server's user's."""
    if os.geteuid() == 0:
        os.fchown(descriptor, before.st_uid, before.st_gid)


def write(path: Path, ring: Ring) -> None:
    """Replace the file at once and for good: whoever reads it meanwhile, and a power failure, find the old ring or the
    new one. Mode and owner stay. Raises OSError."""
    path = path.resolve()  # a link stays one
    before = path.stat()
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:  # of mode 600
        try:
            file.write("".join(f"{entry_of(key_id, key)}\n" for key_id, key in ring.items()))
            file.flush()
            _own_like(before, file.fileno())
            os.fchmod(file.fileno(), before.st_mode & 0o777)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
