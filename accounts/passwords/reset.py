"""A forgotten password: an email with a link that sets a new one, once, within 30 minutes.

Nothing is stored for it. The link is signed over the password and the session epoch of the account, so it stops working
after use, after any other new password, and after anything that ends the account's sessions. The response is the same
whether or not the email has an account, and the mail is sent in the background.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import Throttled

from accounts.audit import log_event
from accounts.mail import send_in_background
from accounts.models import User
from accounts.passwords import services as passwords_services
from accounts.sign_in.lockout import clear_attempts
from audit.events import AuditEvent, Outcome
from core.api import throttling
from core.encryption.blind_index import email_fingerprint
from core.encryption.keyring import DecryptionError
from core.errors import Forbidden, Refusal
from core.languages import speaking
from core.tenancy.scope import installation_scope

logger = structlog.get_logger("praxis.password_reset")
MAX_PER_HOUR = 3  # mails per address
MINUTES = settings.PASSWORD_RESET_TIMEOUT // 60
REQUESTED = format_lazy(
    _("If this email has an account, we've sent a password reset link to it. It works for {minutes} minutes."),
    minutes=MINUTES,
)
DONE = _("Your password has been changed. Please sign in.")
NOT_VALID = _("This link has expired or has already been used. Please request a new one.")
SUBJECT = _("Reset your Praxis password")
TEXT = _("""Someone asked to reset the password for the account with this email address.

If that was you, set a new password here. The link works once, for %(minutes)s minutes:
%(link)s

If it wasn't you, you can ignore this email. Your password has not changed.
""")

FIRST_SUBJECT = _("Your practice on Praxis")
FIRST_TEXT = _("""%(name)s, the practice %(practice)s is ready, and you manage it.

Choose your password here. The link works once, for %(minutes)s minutes:
%(link)s

If it has expired, use "Forgot your password?" on the sign-in page.
""")


class LinkNotValid(Refusal):
    """400: forged, used, expired, or for an account that has changed since."""

    def __init__(self) -> None:
        super().__init__(NOT_VALID)


class _Signatures(PasswordResetTokenGenerator):
    key_salt = "accounts.password_reset"  # stays: links that were sent carry it

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        """Return what the link is signed over; the email by its fingerprint, which a lost encryption key does not
        affect."""
        return f"{user.pk}{user.password}{user.session_epoch}{bytes(user.email_index).hex()}{timestamp}"

    def _now(self) -> datetime:
        return timezone.now().replace(tzinfo=None)


_signatures = _Signatures()


def token_for(user: User) -> str:
    return f"{user.pk.hex}-{_signatures.make_token(user)}"


@installation_scope()
def request_reset(*, email: str) -> None:
    """Send a link to the active account with this email, if there is one.

    Raises Unavailable if requests cannot be counted, and AuditLogUnavailable.
    """
    user = User.all_practices.with_email(email)
    try:
        throttling.count_attempt("password_reset", email_fingerprint(email).hex(), per_hour=MAX_PER_HOUR)
    except Throttled:
        log_event(AuditEvent.PASSWORD_RESET_REQUESTED, user, email=email, outcome=Outcome.REFUSED, reason="too_often")
        return
    if user is None or not user.is_active:
        reason = "deactivated" if user else "unknown_email"
        log_event(AuditEvent.PASSWORD_RESET_REQUESTED, user, email=email, outcome=Outcome.FAILED, reason=reason)
        return
    log_event(AuditEvent.PASSWORD_RESET_REQUESTED, user, email=email)
    _send(user)


def send_link(*, user: User, by: User) -> None:
    """Send a colleague or patient the link with which they set a new password themselves: nobody else knows it. Raises
    Forbidden for a deactivated account, and if `by` is no manager."""
    passwords_services.check_is_manager(by)
    if not user.is_active:
        raise Forbidden(_("This account is deactivated. Please ask your practice to turn it on again."))
    log_event(AuditEvent.PASSWORD_RESET_REQUESTED, user, by=by)
    transaction.on_commit(lambda: _send(user))


def link_for(user: User) -> str:
    return settings.SITE_URL + reverse("password_reset_set", args=[token_for(user)])


def make_link(*, user: User) -> str:
    """Return a link for whoever runs the server to hand over. Raises Forbidden for a deactivated account."""
    if not user.is_active:
        raise Forbidden(_("This account is deactivated. Please ask your practice to turn it on again."))
    log_event(AuditEvent.PASSWORD_RESET_REQUESTED, user)
    return link_for(user)


def send_first_link(*, user: User) -> None:
    """Send the first office manager of a practice the link to choose a password."""
    practice = user.practice
    assert practice is not None
    with speaking((user.language, practice.language)):
        said = {"name": user.name, "practice": practice.name, "minutes": MINUTES, "link": link_for(user)}
        message = EmailMessage(str(FIRST_SUBJECT), str(FIRST_TEXT) % said, to=[user.email])
    send_in_background(message, about_id=str(user.pk), practice_id=user.practice_id)


def _send(user: User) -> None:
    """Send the link to the account's stored address: what was typed may be a lookalike."""
    try:
        address = user.email
    except DecryptionError as error:
        logger.error("password reset has no address", user_id=str(user.pk), error=str(error))
        return
    with speaking((user.language, user.practice.language if user.practice else "")):
        message = EmailMessage(str(SUBJECT), str(TEXT) % {"link": link_for(user), "minutes": MINUTES}, to=[address])
    send_in_background(message, about_id=str(user.pk), practice_id=user.practice_id)


@installation_scope()
def check(token: str) -> User:
    """Return whose password a valid link sets. Raises LinkNotValid."""
    with _logging_refusal(token):
        return _valid_user(User.all_practices.filter(pk=_user_id(token)).first(), token)


@installation_scope()
def confirm(*, token: str, password: str) -> None:
    """Set the new password, end every session of the account and lift its lockout.

    Raises LinkNotValid, and Invalid for a weak password, after which the link still works. Of parallel uses one
    succeeds.
    """
    with _logging_refusal(token), transaction.atomic():
        user = _valid_user(User.all_practices.select_for_update().filter(pk=_user_id(token)).first(), token)
        passwords_services.reset_password(user=user, password=password)
    try:
        clear_attempts(user.email)
    except DecryptionError:
        pass  # the counted email is unknown; the lockout expires


@contextmanager
def _logging_refusal(token: str) -> Iterator[None]:
    """Log the refusal of a link, under the account that it names, if any."""
    try:
        yield
    except LinkNotValid:
        about = User.all_practices.filter(pk=_user_id(token)).first()
        log_event(AuditEvent.PASSWORD_CHANGED, about, outcome=Outcome.FAILED, reason="link_not_valid")
        raise


def _user_id(token: str) -> UUID | None:
    """Return the id that the token begins with, or None if it is none."""
    try:
        return UUID(token.partition("-")[0])
    except ValueError:
        return None


def _valid_user(user: User | None, token: str) -> User:
    if user is None or not user.is_active or not _signatures.check_token(user, token.partition("-")[2]):
        raise LinkNotValid
    return user
