"""AES-256-GCM with a ring of versioned keys (docs/adr/0007 on rotating them).

Envelope: `version(1) | key id(2) | nonce(12) | ciphertext | tag(16)`. The header and the field's label are
authenticated with it, so a value moved to another column, or under another key id, does not decrypt.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.translation import gettext as _

from core.encryption.key_file import InvalidKeyFile, parse
from core.errors import Unavailable

logger = structlog.get_logger("praxis.keys")
VERSION = 1
HEADER_BYTES, NONCE_BYTES, TAG_BYTES = 3, 12, 16
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES


class DecryptionError(Unavailable):
    """503: a stored value cannot be decrypted: its key is missing, it is damaged, or the label is wrong. The message
    names the field and the key's id."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(_("%(field)s cannot be decrypted: %(reason)s.") % {"field": label, "reason": reason})
        self.label, self.reason = label, reason


def header_of(key_id: int) -> bytes:
    """Return the bytes that every value under this key begins with."""
    return bytes([VERSION]) + key_id.to_bytes(2, "big")


def key_id_of(envelope: bytes) -> int | None:
    """Return the id of the key; None if it is no envelope."""
    if len(envelope) < OVERHEAD_BYTES or envelope[0] != VERSION:
        return None
    return int.from_bytes(envelope[1:HEADER_BYTES], "big") or None


class Keyring:
    """Encrypts with the newest key, decrypts with any key of the ring."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """`keys`: key id to 32 bytes, newest first."""
        self._take(keys)

    def _take(self, keys: Mapping[int, bytes]) -> None:
        self.keys = keys
        self._ciphers = {header_of(key_id): AESGCM(key) for key_id, key in keys.items()}
        self._newest = next(iter(self._ciphers.items()))

    @property
    def newest_id(self) -> int:
        return next(iter(self.keys))

    def encrypt(self, plaintext: bytes, label: bytes) -> bytes:
        header, newest = self._newest
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + newest.encrypt(nonce, plaintext, header + label)

    def decrypt(self, envelope: bytes, label: bytes) -> bytes:
        """Return the plaintext that was encrypted under this label; raise DecryptionError."""
        header = envelope[:HEADER_BYTES]
        cipher = self._ciphers.get(header) or self._missing(header)
        if cipher is None:
            key_id = key_id_of(envelope)
            missing = _("key %(key)d is missing") % {"key": key_id} if key_id else _("it is damaged")
            raise DecryptionError(label.decode(), missing)
        nonce, body = envelope[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES], envelope[HEADER_BYTES + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, body, header + label)
        except (InvalidTag, ValueError) as error:
            key_id = int.from_bytes(header[1:], "big")
            reason = _("it is damaged, belongs to another column, or was not written with this key %(key)d")
            raise DecryptionError(label.decode(), reason % {"key": key_id}) from error

    def _missing(self, header: bytes) -> AESGCM | None:
        """Return the cipher of a key that has been added since, if there is one."""
        return None


class FileKeyring(Keyring):
    """The key ring of a file, which is re-read when it has changed, so that a rotation needs no restart.

    The file is checked before every encryption, so that nothing is written under a replaced key, and for a missing key.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._place = path, str(path)
        self._seen = self._stamp()
        self._reading = Lock()
        super().__init__(parse(path.read_text()))

    def encrypt(self, plaintext: bytes, label: bytes) -> bytes:
        self._refresh()
        return super().encrypt(plaintext, label)

    def _missing(self, header: bytes) -> AESGCM | None:
        self._refresh()
        return self._ciphers.get(header)

    def _stamp(self) -> Any:
        """Return a value that changes with the file; None while it is absent, as between two mounts of a secret."""
        try:
            now = os.stat(self._place)  # noqa: PTH116 - a fifth of Path.stat's time, which every encryption pays
        except OSError:
            return None
        return now.st_mtime_ns, now.st_ino, now.st_size

    def _refresh(self) -> None:
        if self._stamp() in (self._seen, None):
            return
        with self._reading:  # other threads wait, or they would encrypt under the old key
            stamp = self._stamp()
            if stamp not in (self._seen, None):
                self._reload()
                self._seen = stamp

    def _reload(self) -> None:
        try:
            keys = parse(self._path.read_text())
            if not keys:
                raise InvalidKeyFile("holds no key.")
        except (OSError, ValueError) as error:
            reason = str(error) if isinstance(error, InvalidKeyFile) else type(error).__name__
            logger.error(
                "FIELD_ENCRYPTION_KEYS_FILE cannot be read again, so the keys stay as they were", reason=reason
            )
        else:
            self._take(keys)
            logger.warning("FIELD_ENCRYPTION_KEYS_FILE was read again", encrypts_with=self.newest_id)


@cache
def get_keyring() -> Keyring:
    if settings.FIELD_ENCRYPTION_KEYS_FILE:
        return FileKeyring(settings.FIELD_ENCRYPTION_KEYS_FILE)
    return Keyring(settings.FIELD_ENCRYPTION_KEYS)


@receiver(setting_changed)
def _keys_changed(*, setting: str, **kwargs: object) -> None:
    if setting in ("FIELD_ENCRYPTION_KEYS", "FIELD_ENCRYPTION_KEYS_FILE"):
        get_keyring.cache_clear()
