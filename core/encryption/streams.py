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


class Sealing:
    """A file that is encrypted as it comes. `context` is authenticated with it: which file it is."""

    def __init__(self, *, key: bytes, context: bytes) -> None:
        self._cipher, self._bound = AESGCM(key), _VERSION + context
        self._number, self._held = 0, bytearray()

    def begin(self) -> bytes:
        return _VERSION

    def add(self, part: bytes) -> Iterator[bytes]:
        """The chunks that can be sealed by now; one is always held back, for the last is sealed as the last."""
        self._held += part
        while len(self._held) > CHUNK_BYTES:
            yield self._sealed(last=False)

    def finish(self) -> bytes:
        return self._sealed(last=True)

    def _sealed(self, *, last: bool) -> bytes:
        chunk = bytes(self._held[:CHUNK_BYTES])
        del self._held[:CHUNK_BYTES]
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._bound)
        self._number += 1
        return sealed


def encrypted(parts: Iterable[bytes], *, key: bytes, context: bytes) -> Iterator[bytes]:
    """The file that comes in parts of any size."""
    sealing = Sealing(key=key, context=context)
    yield sealing.begin()
    for part in parts:
        yield from sealing.add(part)
    yield sealing.finish()


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


class Spool:
    """A file on its way, in a temporary file that has no name and holds it encrypted: what a killed process leaves on
    the disk nobody can find or read. `size` is the file's own, in bytes."""

    def __init__(self, *, key: bytes, context: bytes = b"") -> None:
        self._key, self._context = key, context
        self._sealing = Sealing(key=key, context=context)
        self.size = 0
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed with the spool
        self.file.write(self._sealing.begin())

    @classmethod
    def throwaway(cls) -> Self:
        """Under a key that is nowhere but in this process's memory."""
        return cls(key=new_key())

    def fill(self, parts: Iterable[bytes]) -> Self:
        for part in parts:
            self.add(part)
        return self.finish()

    def add(self, part: bytes) -> None:
        self.size += len(part)
        for sealed in self._sealing.add(part):
            self.file.write(sealed)

    def finish(self) -> Self:
        """Nothing can be added any more, and the file can be read."""
        self.file.write(self._sealing.finish())
        self.file.flush()
        return self

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
