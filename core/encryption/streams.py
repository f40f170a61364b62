"""Files under AES-256-GCM in chunks, so that no file is ever whole in memory (docs/adr/0018).

`version(1) | chunk, chunk, …`, each chunk up to 64 KiB of the file and a tag of 16 bytes. The nonce is the chunk's
number (11 bytes) and whether it is the last (1): the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár,
2015), in which chunks can neither be moved, left out nor cut off at the end. A key encrypts one file and no other.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import Unavailable

KEY_BYTES, CHUNK_BYTES, TAG_BYTES = 32, 64 * 1024, 16
_VERSION = b"\x01"


class DamagedFile(Unavailable):
    """503: what is stored is not what was written, or not under this key."""

    def __init__(self) -> None:
        super().__init__("This file is damaged in the storage and cannot be read.")


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def stored_size(size: int) -> int:
    """How many bytes a file of `size` bytes takes up."""
    chunks = max(1, -(-size // CHUNK_BYTES))
    return len(_VERSION) + size + chunks * TAG_BYTES


def encrypted(parts: Iterable[bytes], *, key: bytes, context: bytes) -> Iterator[bytes]:
    """The file that comes in parts of any size. `context` is authenticated with it: which file it is."""
    cipher = AESGCM(key)
    yield _VERSION
    number, waiting = 0, None
    for chunk in _rechunked(parts):  # one is held back, for the last is sealed as the last
        if waiting is not None:
            yield cipher.encrypt(_nonce(number, last=False), waiting, _VERSION + context)
            number += 1
        waiting = chunk
    yield cipher.encrypt(_nonce(number, last=True), waiting or b"", _VERSION + context)


def decrypted(read: Callable[[int], bytes], *, key: bytes, context: bytes) -> Iterator[bytes]:
    """The file again, chunk by chunk; raises DamagedFile before it yields anything that was not written so."""
    cipher = AESGCM(key)
    if read(len(_VERSION)) != _VERSION:
        raise DamagedFile
    number, sealed = 0, read(CHUNK_BYTES + TAG_BYTES)
    while True:
        following = read(CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), sealed, _VERSION + context)
        except (InvalidTag, ValueError) as error:
            raise DamagedFile from error
        if not following:
            return
        number, sealed = number + 1, following


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _rechunked(parts: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for part in parts:
        held += part
        while len(held) >= CHUNK_BYTES:
            yield bytes(held[:CHUNK_BYTES])
            del held[:CHUNK_BYTES]
    if held:
        yield bytes(held)


class Spool:
    """A file on its way, in a temporary file that has no name and holds it encrypted: what a killed process leaves on
    the disk nobody can find or read. `size` is the file's own, in bytes."""

    def __init__(self, *, key: bytes, context: bytes = b"") -> None:
        self._key, self._context = key, context
        self.size = 0
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed with the spool

    @classmethod
    def throwaway(cls) -> Self:
        """Under a key that is nowhere but in this process's memory."""
        return cls(key=new_key())

    def fill(self, parts: Iterable[bytes]) -> Self:
        for sealed in encrypted(self._counted(parts), key=self._key, context=self._context):
            self.file.write(sealed)
        self.file.flush()
        return self

    def _counted(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            self.size += len(part)
            yield part

    def chunks(self) -> Iterator[bytes]:
        """The file from its beginning."""
        self.file.seek(0)
        return decrypted(self.file.read, key=self._key, context=self._context)

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
