"""A forgotten password: an e-mail with a link that sets a new one, once, within 30 minutes.

Nothing is stored for it. The link is signed over the password and the session epoch of the account, so it is dead after
use, after any other new password, and after whatever ends the trust in the account's sessions. Who asks learns nothing
of who has an account: the answer is the same, and the mail goes out behind it.
"""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import Throttled

from accounts import services
from accounts.lockout import clear_attempts
from accounts.models import User
from accounts.sign_in_trail import tell
from audit.events import Kind, Outcome
from core.api import limits
from core.encryption.blind_index import email_fingerprint
from core.encryption.keyring import DecryptionError
from core.errors import Refusal
from core.tenancy import installation_scope

logger = structlog.get_logger("praxis.password_reset")
AN_HOUR = 3  # mails to one address
MINUTES = settings.PASSWORD_RESET_TIMEOUT // 60
ASKED = f"If this email has an account, a link that sets a new password is on its way. It works for {MINUTES} minutes."
DONE = "Your new password is set. Please sign in with it."
NOT_VALID = "This link has expired or has been used already. Please ask for a new one."
SUBJECT = "A new password for Praxis"
TEXT = """Somebody asked for a new password for the account with this email address.

If that was you, set it here. The link works once, for {minutes} minutes:
{link}

If it was not you, there is nothing to do: your password stays as it is.
"""
_mailer = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password-reset")


class LinkNotValid(Refusal):
    """400: forged, used, expired, or of an account that has changed since."""

    def __init__(self) -> None:
        super().__init__(NOT_VALID)


class _Signatures(PasswordResetTokenGenerator):
    key_salt = "accounts.password_reset"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        """The email by its fingerprint: a lost key takes nobody's link."""
        return f"{user.pk}{user.password}{user.session_epoch}{bytes(user.email_index).hex()}{timestamp}"

    def _now(self) -> datetime:
        return timezone.now().replace(tzinfo=None)


_signatures = _Signatures()


def token_for(user: User) -> str:
    return f"{user.pk.hex}-{_signatures.make_token(user)}"


@installation_scope()
def ask(*, email: str) -> None:
    """Send the link to the active account with this email, if there is one. Raises Unavailable where it cannot be
    counted, and TrailDown."""
    user = User.sign_in.with_email(email)
    try:
        limits.spend("password_reset", email_fingerprint(email).hex(), an_hour=AN_HOUR)
    except Throttled:
        tell(Kind.PASSWORD_RESET_ASKED, user, email=email, outcome=Outcome.REFUSED, reason="too_often")
        return
    if user is None or not user.is_active:
        reason = "deactivated" if user else "unknown_email"
        tell(Kind.PASSWORD_RESET_ASKED, user, email=email, outcome=Outcome.FAILED, reason=reason)
        return
    tell(Kind.PASSWORD_RESET_ASKED, user, email=email)
    _send(user)


def _send(user: User) -> None:
    """To the address of the account: what was typed may be another that only reads the same."""
    try:
        address = user.email
    except DecryptionError as error:
        logger.error("password reset has no address", user_id=str(user.pk), error=str(error))
        return
    link = settings.SITE_URL + reverse("password_reset_set", args=[token_for(user)])
    message = EmailMessage(SUBJECT, TEXT.format(link=link, minutes=MINUTES), to=[address])
    _mailer.submit(copy_context().run, _deliver, message, str(user.pk))


def _deliver(message: EmailMessage, user_id: str) -> None:
    try:
        message.send()
    except (OSError, ValueError) as error:  # what smtplib raises, and what it makes of an odd address
        logger.error("password reset not sent", user_id=user_id, error=type(error).__name__)


@installation_scope()
def check(token: str) -> None:
    """Raises LinkNotValid."""
    _valid_user(User.sign_in.filter(pk=_user_id(token)).first(), token)


@installation_scope()
def confirm(*, token: str, password: str) -> None:
    """Set the new password, end every session of the account and open its lock. Raises LinkNotValid, and Invalid for a
    weak password, after which the link is as good as before. Of parallel uses of one link one wins."""
    user_id = _user_id(token)
    try:
        with transaction.atomic():
            user = _valid_user(User.sign_in.select_for_update().filter(pk=user_id).first(), token)
            services.reset_password(user=user, password=password)
    except LinkNotValid:
        about = User.sign_in.filter(pk=user_id).first()
        tell(Kind.PASSWORD_CHANGED, about, outcome=Outcome.FAILED, reason="link_not_valid")
        raise
    try:
        clear_attempts(user.email)
    except DecryptionError:
        pass  # nobody knows under which email it was counted; the lock opens by itself


def _user_id(token: str) -> UUID:
    try:
        return UUID(token.partition("-")[0])
    except ValueError as error:
        raise LinkNotValid from error


def _valid_user(user: User | None, token: str) -> User:
    if user is None or not user.is_active or not _signatures.check_token(user, token.partition("-")[2]):
        raise LinkNotValid
    return user
