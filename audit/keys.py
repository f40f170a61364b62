"""The keys of the audit trail, AUDIT_KEYS. None is ever retired: what it signed is verified with it for ever.

Each purpose has its own key, derived from a key of the ring.
"""

import hmac
import os
from functools import cache
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

NONCE_BYTES = 12


def newest_key_id() -> int:
    return next(iter(settings.AUDIT_KEYS))


@cache
def _derived(key_id: int, purpose: str) -> bytes:
    return hmac.digest(settings.AUDIT_KEYS[key_id], b"praxis trail " + purpose.encode(), "sha256")


@cache
def _cipher(key_id: int) -> AESGCM:
    return AESGCM(_derived(key_id, "email"))


@receiver(setting_changed)
def _keys_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "AUDIT_KEYS":
        _derived.cache_clear()
        _cipher.cache_clear()


def mac(content: bytes, *, key_id: int, purpose: str) -> bytes:
    """Return the HMAC-SHA256 (32 bytes) of an event or seal. Raise KeyError for a key that is not in the ring."""
    return hmac.digest(_derived(key_id, purpose), content, "sha256")


def encrypt_email(email: str, *, key_id: int, event_id: UUID) -> bytes:
    """Encrypt an email, bound to its event: AES-256-GCM, `nonce(12) | ciphertext | tag(16)`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(key_id).encrypt(nonce, email.encode(), event_id.bytes)


def decrypt_email(encrypted: bytes, *, key_id: int, event_id: UUID) -> str:
    """Decrypt an email. Raise cryptography's InvalidTag if it was tampered with."""
    return _cipher(key_id).decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], event_id.bytes).decode()
