"""Where a message waits for the next page: a cookie. It may name a patient, so the cookie is encrypted as columns are;
Django's own is only signed, and shared desks keep cookies."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from django.contrib.messages.storage.cookie import CookieStorage

from core.encryption.keyring import DecryptionError, get_keyring

LABEL = b"page.message"


class EncryptedMessages(CookieStorage):
    def _encode_parts(self, messages: Any, encode_empty: bool = False) -> str | None:
        text: str | None = super()._encode_parts(messages, encode_empty)  # type: ignore[misc] # not in django-stubs
        return text and urlsafe_b64encode(get_keyring().encrypt(text.encode(), LABEL)).decode()

    def _decode(self, data: str | None) -> Any:
        if not data:
            return None
        try:
            text = get_keyring().decrypt(urlsafe_b64decode(data), LABEL).decode()
        except (ValueError, DecryptionError):  # made up, or of a key that is gone
            return None
        return super()._decode(text)  # type: ignore[misc] # the same
