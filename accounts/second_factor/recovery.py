"""Recovery codes: ten, each valid once, for a lost phone or passkey. A code has 79 random bits, so a fast hash is
as good as a slow one."""

import hashlib

from django.utils import timezone

from accounts.models import RecoveryCode, User
from core.codes import normalise_code, random_code

CODES, LETTERS, GROUP = 10, 16, 4


def create_codes(user: User) -> list[str]:
    """Replace the user's codes and return ten new ones, to be shown once."""
    codes = [_new() for _ in range(CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, code_hash=_hash(code)) for code in codes])
    return codes


def _new() -> str:
    letters = random_code(LETTERS)
    return "-".join(letters[start : start + GROUP] for start in range(0, LETTERS, GROUP))


def count_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def consume(user: User, code: str) -> bool:
    """Return whether this is an unused code of the user, and mark it as used. Of parallel uses one succeeds."""
    unused = RecoveryCode.objects.filter(user=user, code_hash=_hash(code), used_at=None)
    return unused.update(used_at=timezone.now()) == 1


def _hash(code: str) -> bytes:
    return hashlib.sha256(normalise_code(code).encode()).digest()
