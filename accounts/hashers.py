"""How passwords are hashed: bcrypt with cost 12 (the contract), over one form of what is typed.

An é is one character on one keyboard and two on another, and looks the same. NIST SP 800-63B, 5.1.1.2, has Unicode
passwords normalised before they are hashed; NFKC also reads full-width letters as the usual ones.
"""

import unicodedata
from typing import Any

from django.contrib.auth.hashers import BCryptSHA256PasswordHasher, get_hasher
from django.utils.crypto import constant_time_compare


def normalise_password(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def forms_to_try(password: str) -> list[str]:
    """Return what a stored hash may be of: the normalised form, and before 2026-12 whatever was typed then. It is one
    form for most passwords, and always so for ASCII."""
    typed_before = (password, *(unicodedata.normalize(form, password) for form in ("NFC", "NFD")))
    return list(dict.fromkeys((normalise_password(password), *typed_before)))


class NormalisingHasher(BCryptSHA256PasswordHasher):
    def encode(self, password: str, salt: Any) -> str:
        return super().encode(normalise_password(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        return any(self.is_hash_of(form, encoded) for form in forms_to_try(password))

    def is_hash_of(self, form: str, encoded: str) -> bool:
        """Return whether this is the hash of exactly these characters."""
        salt: Any = encoded.split("$", 1)[1].encode()
        return constant_time_compare(encoded, super().encode(form, salt))


def is_outdated(password: str, encoded: str) -> bool:
    """Return whether the hash of this right password is of a form that is not normalised."""
    hasher = get_hasher()
    assert isinstance(hasher, NormalisingHasher)
    return len(forms_to_try(password)) > 1 and not hasher.is_hash_of(normalise_password(password), encoded)
