"""The keys of the trail, AUDIT_KEYS. They are never retired: what was written under one is checked with it for ever.

Each purpose has a key of its own, derived from the ring's, so that none of them says anything about another.
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
    """32 bytes over a row or a seal, HMAC-SHA256. Raises KeyError for a key that is not in the ring."""
    return hmac.digest(_derived(key_id, purpose), content, "sha256")


def hide_email(email: str, *, key_id: int, event_id: UUID) -> bytes:
    """An email that is bound to its row: AES-256-GCM, `nonce(12) | ciphertext | tag(16)`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(key_id).encrypt(nonce, email.encode(), event_id.bytes)


def show_email(hidden: bytes, *, key_id: int, event_id: UUID) -> str:
    """Raises cryptography's InvalidTag for one that was tampered with."""
    return _cipher(key_id).decrypt(hidden[:NONCE_BYTES], hidden[NONCE_BYTES:], event_id.bytes).decode()
