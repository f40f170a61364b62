"""Authenticator apps: time-based one-time passwords (RFC 6238), six digits of SHA-1 every 30 seconds, which is what
every such app can do. A secret has 160 bits, as RFC 4226, section 4, recommends."""

import hmac
import secrets
from base64 import b32decode, b32encode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.utils import timezone

from accounts.models import Authenticator

STEP_SECONDS = 30
DIGITS = 6
DRIFT = 1  # steps that a phone's clock may be off, or a person slow
ISSUER = "Praxis"
_SECRET_BYTES = 20


def new_secret() -> str:
    """In base32, as apps take it."""
    return b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def uri(secret: str, *, email: str) -> str:
    """What the QR code holds."""
    return _generator(secret).get_provisioning_uri(email, ISSUER)


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """The code of the `step`-th 30 seconds since 1970."""
    return _generator(secret, digits).generate(step * STEP_SECONDS).decode()


def _generator(secret: str, digits: int = DIGITS) -> TOTP:
    return TOTP(b32decode(secret), digits, SHA1(), STEP_SECONDS)  # noqa: S303 - HMAC-SHA-1, which nobody has broken


def matching_step(secret: str, code: str, *, after: int) -> int | None:
    """The step later than `after`, and near enough to now, that this code belongs to."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit()):
        return None
    now = int(timezone.now().timestamp()) // STEP_SECONDS
    for step in range(max(now - DRIFT, after + 1), now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step), typed):
            return step
    return None


def take(authenticator: Authenticator, code: str) -> bool:
    """Whether this is a right code that has not been taken; now it is. Of parallel uses the row lets one through.
    Raises DecryptionError."""
    step = matching_step(authenticator.secret, code, after=authenticator.last_step)
    if step is None:
        return False
    unused = Authenticator.objects.filter(pk=authenticator.pk, confirmed_at__isnull=False, last_step__lt=step)
    return unused.update(last_step=step) == 1
