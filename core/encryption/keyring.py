"""AES-256-GCM under a ring of versioned keys (DESIGN.md rule 3).

Envelope: `version(1) | key id(2) | nonce(12) | ciphertext | tag(16)`. The header and the field's label are
authenticated with it, so a value moved to another column, or under another key id, does not decrypt.
"""

import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

VERSION = 1
HEADER_BYTES, NONCE_BYTES, TAG_BYTES = 3, 12, 16
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES


class DecryptionError(Exception):
    """A stored value is not what this key ring wrote: key missing, value damaged, or label wrong."""


class Keyring:
    """Encrypts under the newest key, decrypts under any key of the ring. One AESGCM object a key, held."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        """`keys`: key id to 32 bytes, newest first."""
        self._ciphers = {self._header(key_id): AESGCM(key) for key_id, key in keys.items()}
        self._newest_header, self._newest = next(iter(self._ciphers.items()))

    @staticmethod
    def _header(key_id: int) -> bytes:
        return bytes([VERSION]) + key_id.to_bytes(2, "big")

    def encrypt(self, plaintext: bytes, label: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        header = self._newest_header
        return header + nonce + self._newest.encrypt(nonce, plaintext, header + label)

    def decrypt(self, envelope: bytes, label: bytes) -> bytes:
        """Raises DecryptionError; never answers anything but what was encrypted under this label."""
        header = envelope[:HEADER_BYTES]
        cipher = self._ciphers.get(header)
        if cipher is None:
            raise DecryptionError(f"{label.decode()} was encrypted under a key that is not in FIELD_ENCRYPTION_KEYS.")
        nonce, body = envelope[HEADER_BYTES : HEADER_BYTES + NONCE_BYTES], envelope[HEADER_BYTES + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, body, header + label)
        except (InvalidTag, ValueError) as error:
            raise DecryptionError(f"{label.decode()} is damaged or was written for another column.") from error


@cache
def get_keyring() -> Keyring:
    return Keyring(settings.FIELD_ENCRYPTION_KEYS)


@receiver(setting_changed)
def _keys_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "FIELD_ENCRYPTION_KEYS":
        get_keyring.cache_clear()
