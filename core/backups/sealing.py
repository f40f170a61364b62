"""Encryption of a backup's parts under BACKUP_KEY.

`PRAXISB1 | key id(2) | check(8) | salt(32) | chunks`. The chunks are those of core/encryption/streams.py: AES-256-GCM,
each bound to its number and to whether it is the last, so none can be moved, left out or cut off. Their key is derived
(HKDF-SHA256) for this part alone from BACKUP_KEY and the salt; the header, the backup's id and the part's name are
authenticated with every chunk, so no part can stand in for another.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Iterator

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from core.backups.errors import BackupError, Damaged
from core.encryption.streams import DamagedFile, decrypted, encrypted

MAGIC = b"PRAXISB1"
CHECK_BYTES, SALT_BYTES = 8, 32
HEADER_BYTES = len(MAGIC) + 2 + CHECK_BYTES + SALT_BYTES
NO_KEY = "BACKUP_KEY is not set. Set it to '1:' and a key, as .env.example says, and keep it apart from the backups."


def seal(parts: Iterable[bytes], *, context: str) -> Iterator[bytes]:
    """Encrypt what arrives under the newest key."""
    if not settings.BACKUP_KEY:
        raise BackupError(NO_KEY)
    key_id, key = next(iter(settings.BACKUP_KEY.items()))
    header = MAGIC + key_id.to_bytes(2, "big") + _check(key) + os.urandom(SALT_BYTES)
    yield header
    yield from encrypted(parts, key=_derived(key, header), context=header + context.encode())


def unseal(read: Callable[[int], bytes], *, context: str) -> Iterator[bytes]:
    """Decrypt; raise Damaged before any chunk that is not what was written there, BackupError for a missing key."""
    header = read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise Damaged(f"{context} is damaged: it is not a part of a backup of Praxis.")
    key = _key_of(header, context)
    try:
        yield from decrypted(read, key=_derived(key, header), context=header + context.encode())
    except DamagedFile as error:
        raise Damaged(f"{context} is damaged: it was changed or cut off after it was written.") from error


def fingerprint(key: bytes) -> str:
    """Return what tells keys apart without telling anything about them."""
    return hmac.new(key, b"praxis backup fingerprint", hashlib.sha256).hexdigest()[:16]


def _check(key: bytes) -> bytes:
    return hmac.new(key, b"praxis backup key", hashlib.sha256).digest()[:CHECK_BYTES]


def _derived(key: bytes, header: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=header[-SALT_BYTES:], info=b"praxis backup part").derive(bytes(key))


def _key_of(header: bytes, context: str) -> bytes:
    if not settings.BACKUP_KEY:
        raise BackupError(NO_KEY)
    start = len(MAGIC)
    key_id, check = int.from_bytes(header[start : start + 2], "big"), header[start + 2 : start + 2 + CHECK_BYTES]
    for key in settings.BACKUP_KEY.values():
        if hmac.compare_digest(_check(key), check):
            return bytes(key)
    raise BackupError(f"{context} was encrypted under another key (number {key_id}) than those in BACKUP_KEY.")
