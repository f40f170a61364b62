"""Recovery codes: ten, each good once, for somebody whose phone or passkey is lost. A code has 79 random bits, so that
a plain hash of it is as good as a slow one."""

import hashlib

from django.utils import timezone

from accounts.models import RecoveryCode, User
from core.codes import draw

CODES, LETTERS, GROUP = 10, 16, 4


def make(user: User) -> list[str]:
    """Ten new codes, as they are shown this once; the old ones are worth nothing any more."""
    codes = [_new() for _ in range(CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, code_hash=_hash(code)) for code in codes])
    return codes


def _new() -> str:
    letters = draw(LETTERS)
    return "-".join(letters[start : start + GROUP] for start in range(0, LETTERS, GROUP))


def left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def take(user: User, code: str) -> bool:
    """Whether this is one of their codes, not used so far; now it is. Of parallel uses the row lets one through."""
    unused = RecoveryCode.objects.filter(user=user, code_hash=_hash(code), used_at=None)
    return unused.update(used_at=timezone.now()) == 1


def _hash(code: str) -> bytes:
    """The same however the code is typed: in small letters, without dashes, with blanks."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode()).digest()
