"""The text format of a key ring: `id@date:base64` entries, newest first, separated by commas or line ends.

The date is the day the key was made, and optional (docs/adr/0007). Uses only the standard library, because the settings
import it.
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
MIN_DISTINCT_BYTES = 12  # a key with fewer distinct bytes is a placeholder
MAX_ID = 0xFFFF
_ENTRY = re.compile(r"(?P<id>\d{1,5})(?:@(?P<made>\d{4}-\d{2}-\d{2}))?:(?P<secret>\S+)", re.ASCII)


class InvalidKeyFile(ValueError):
    """The text is not a key ring. The message is the rest of a sentence ("has two keys …") and never quotes a key."""


class Key(bytes):
    """The 32 bytes, and the day they were made if known."""

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


KeyRing = dict[int, Key]


def parse(text: str) -> KeyRing:
    """Return key id (1 to 65535) to key, in order; an empty text is an empty ring. Raise InvalidKeyFile."""
    ring: KeyRing = {}
    for entry in re.split(r"[,\n]", text):
        if not entry.strip():
            continue
        key_id, key = _parse_entry(entry.strip())
        if key_id in ring:
            raise InvalidKeyFile(f"has two keys with the id {key_id}; each key needs its own id.")
        ring[key_id] = key
    return ring


def _parse_entry(entry: str) -> tuple[int, Key]:
    found = _ENTRY.fullmatch(entry)
    try:
        secret = base64.b64decode(found["secret"], validate=True) if found else b""
        made = date.fromisoformat(found["made"]) if found and found["made"] else None
    except (binascii.Error, ValueError):
        secret, made = b"", None
    if not found or len(secret) != KEY_BYTES or len(set(secret)) < MIN_DISTINCT_BYTES:
        raise InvalidKeyFile("must be 'id:key' or 'id@date:key' entries, the key 32 random bytes in base64.")
    if not 1 <= int(found["id"]) <= MAX_ID:
        raise InvalidKeyFile(f"has a key with the id {found['id']}; ids go from 1 to {MAX_ID}.")
    return int(found["id"]), Key(secret, made)


def entry_of(key_id: int, key: Key) -> str:
    made = f"@{key.made}" if key.made else ""
    return f"{key_id}{made}:{base64.b64encode(key).decode()}"


def next_id(ring: Mapping[int, bytes]) -> int:
    """Return the next free id; raise InvalidKeyFile if there is none."""
    if max(ring) == MAX_ID:
        raise InvalidKeyFile(f"has a key with the id {MAX_ID}, the highest possible.")
    return max(ring) + 1


def add_key(path: Path, *, before: int) -> int:
    """Add a new key in front of the file's ring and return its id. Raise OSError, or InvalidKeyFile if the ring no
    longer begins with the key `before`, because another process has just added one."""
    with _locked(path):
        ring = parse(path.read_text())
        if next(iter(ring), None) != before:
            raise InvalidKeyFile(f"no longer begins with key {before}: someone else has just added another.")
        key_id = next_id(ring)
        write(path, {key_id: Key.new(), **ring})
    return key_id


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock a file next to it, because the file itself is replaced."""
    path = path.resolve()
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        _own_like(path.stat(), lock.fileno())
        flock(lock, LOCK_EX)
        yield


def _own_like(before: os.stat_result, descriptor: int) -> None:
    """Give the file its former owner, if root has written it."""
    if os.geteuid() == 0:
        os.fchown(descriptor, before.st_uid, before.st_gid)


def write(path: Path, ring: KeyRing) -> None:
    """Replace the file atomically and durably, and keep its mode and owner. Raise OSError."""
    path = path.resolve()  # keep a symbolic link
    before = path.stat()
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:  # mode 600
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
