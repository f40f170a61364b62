"""Authenticator apps: time-based one-time passwords (RFC 6238), six digits of SHA-1 every 30 seconds, which is what
every such app supports. A secret has 160 bits, as RFC 4226, section 4, recommends."""

import hmac
import secrets
from base64 import b32decode, b32encode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.utils import timezone

from accounts.models import Authenticator
from core.codes import normalise_code

STEP_SECONDS = 30
DIGITS = 6
DRIFT = 1  # steps of tolerance for clocks and slow typing
ISSUER = "Praxis"
_SECRET_BYTES = 20


def new_secret() -> str:
    """Return a new secret in base32, as apps expect it."""
    return b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def uri(secret: str, *, email: str) -> str:
    """Return the otpauth URI for the QR code."""
    return _generator(secret).get_provisioning_uri(email, ISSUER)


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of the `step`-th 30-second interval since 1970."""
    return _generator(secret, digits).generate(step * STEP_SECONDS).decode()


def _generator(secret: str, digits: int = DIGITS) -> TOTP:
    return TOTP(b32decode(secret), digits, SHA1(), STEP_SECONDS)  # noqa: S303 - HMAC-SHA-1 is unbroken


def matching_step(secret: str, code: str, *, after: int) -> int | None:
    """Return the step of this code, if it is later than `after` and close enough to now."""
    typed = normalise_code(code).encode()
    now = int(timezone.now().timestamp()) // STEP_SECONDS
    for step in range(max(now - DRIFT, after + 1), now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed):
            return step
    return None


def consume(authenticator: Authenticator, code: str) -> bool:
    """Return whether this is a valid unused code, and mark it as used. Of parallel uses one succeeds. Raises
    DecryptionError."""
    step = matching_step(authenticator.secret, code, after=authenticator.last_step)
    if step is None:
        return False
    unused = Authenticator.objects.filter(pk=authenticator.pk, confirmed_at__isnull=False, last_step__lt=step)
    return unused.update(last_step=step) == 1
