"""Encryption of files with AES-256-GCM in chunks, so that no file is in memory as a whole (docs/adr/0018).

`version(1) | chunk, chunk, …`, each chunk up to 64 KiB of the file and a tag of 16 bytes. The nonce is the chunk's
number (11 bytes) and whether it is the last (1): the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár,
2015), in which chunks can neither be moved, left out nor cut off at the end. A key encrypts only one file.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.translation import gettext as _

from core.errors import Unavailable

KEY_BYTES, CHUNK_BYTES, TAG_BYTES = 32, 64 * 1024, 16
_VERSION = b"\x01"


class DamagedFile(Unavailable):
    """503: the stored file is damaged or encrypted under another key."""

    def __init__(self) -> None:
        super().__init__(_("This file is damaged in storage and can't be read."))


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def stored_size(size: int) -> int:
    """Return the encrypted size of a file of `size` bytes."""
    chunks = max(1, -(-size // CHUNK_BYTES))
    return len(_VERSION) + size + chunks * TAG_BYTES


class StreamEncryptor:
    """Encrypts a file as it arrives. `context`, which identifies the file, is authenticated with it."""

    def __init__(self, *, key: bytes, context: bytes) -> None:
        self._cipher, self._bound = AESGCM(key), _VERSION + context
        self._number, self._buffer = 0, bytearray()

    def begin(self) -> bytes:
        return _VERSION

    def add(self, part: bytes) -> Iterator[bytes]:
        """Yield the chunks that are complete. One is always kept back, because the last is encrypted as such."""
        self._buffer += part
        while len(self._buffer) > CHUNK_BYTES:
            yield self._encrypt_chunk(last=False)

    def finish(self) -> bytes:
        return self._encrypt_chunk(last=True)

    def _encrypt_chunk(self, *, last: bool) -> bytes:
        chunk = bytes(self._buffer[:CHUNK_BYTES])
        del self._buffer[:CHUNK_BYTES]
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._bound)
        self._number += 1
        return sealed


def encrypted(parts: Iterable[bytes], *, key: bytes, context: bytes) -> Iterator[bytes]:
    """Encrypt a file that arrives in parts of any size."""
    encryptor = StreamEncryptor(key=key, context=context)
    yield encryptor.begin()
    for part in parts:
        yield from encryptor.add(part)
    yield encryptor.finish()


def decrypted(read: Callable[[int], bytes], *, key: bytes, context: bytes) -> Iterator[bytes]:
    """Yield the decrypted file in chunks; raise DamagedFile before any chunk that is not authentic."""
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
    """A file in an unnamed, encrypted temporary file, so that a killed process leaves nothing readable on the disk.
    `size` is that of the plain file, in bytes."""

    def __init__(self, *, key: bytes, context: bytes = b"") -> None:
        self._key, self._context = key, context
        self._encryptor = StreamEncryptor(key=key, context=context)
        self.size = 0
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed with the spool
        self.file.write(self._encryptor.begin())

    @classmethod
    def throwaway(cls) -> Self:
        """Create a spool with a key that exists only in memory."""
        return cls(key=new_key())

    def fill(self, parts: Iterable[bytes]) -> Self:
        for part in parts:
            self.add(part)
        return self.finish()

    def add(self, part: bytes) -> None:
        self.size += len(part)
        for sealed in self._encryptor.add(part):
            self.file.write(sealed)

    def finish(self) -> Self:
        """Complete the file, so that it can be read."""
        self.file.write(self._encryptor.finish())
        self.file.flush()
        return self

    def chunks(self) -> Iterator[bytes]:
        """Yield the decrypted file from its beginning."""
        self.file.seek(0)
        return decrypted(self.file.read, key=self._key, context=self._context)

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
