"""E-mail: `send(mail)` hands it to the provider that EMAIL_URL names: a mail server (SMTP), SendGrid, or the console.

All go through Django's mail backends, so that whatever sends a mail uses the same provider. Other providers are reached
through their SMTP servers (docs/adr/0045)."""

import smtplib
from email.message import Message
from email.policy import Compat32
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from integrations.email.contract import Attachment as Attachment
from integrations.email.contract import Mail as Mail
from integrations.sending import Reason, SendFailed

DUMMY = "django.core.mail.backends.dummy.EmailBackend"
LONGEST_LINE = 76
REFERENCE_HEADER = "X-Praxis-Message"  # read by sendgrid.py, which sends it along for the reports


def is_configured() -> bool:
    return bool(settings.EMAIL_BACKEND != DUMMY)


def send(mail: Mail) -> str:
    """Send it and return the provider's id, which may be empty. Raises SendFailed."""
    try:
        message = _message(mail)
        connection = get_connection()
    except ValueError as error:
        raise SendFailed(Reason.ADDRESS) from error
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError as error:
        raise SendFailed(Reason.CREDENTIALS, code=str(error.smtp_code)) from error
    except OSError as error:  # smtplib's own errors are OSErrors, too
        raise SendFailed(Reason.UNREACHABLE) from error
    try:
        connection.send_messages([message])
    except SendFailed:
        raise
    except ValueError as error:
        raise SendFailed(Reason.ADDRESS) from error
    except OSError as error:
        raise _meaning(error) from error
    finally:
        try:
            connection.close()
        except OSError:
            pass  # it was sent
    return str(getattr(message, "provider_id", ""))


class _ShortLines(Compat32):
    """Writes a plain header that fits into a line as it is. Python's own way, which comes to the same, takes longer for
    a mail's fifteen of them than all the rest of it."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        line = f"{name}: {value}{self.linesep}"
        is_plain = isinstance(value, str) and line.isascii() and "\r" not in value and "\n" not in value
        if is_plain and len(line) < LONGEST_LINE:
            return line.encode("ascii")
        return super().fold_binary(name, value)


class _Built(EmailMessage):
    """A message that is built once: here, to know that it can be, and not again where it is sent."""

    built: Message | None = None

    def message(self) -> Any:  # type: ignore[override] # the stubs are those of Django 6
        if self.built is None:
            self.built = super().message()
            self.built.policy = SHORT_LINES
            if self.built.is_multipart():
                self.built.set_boundary(f"praxis-{uuid4().hex}")  # or each part is searched for one that it has not
        return self.built


SHORT_LINES = _ShortLines()


def _message(mail: Mail) -> EmailMessage:
    headers = {REFERENCE_HEADER: mail.reference} if mail.reference else {}
    message = _Built(mail.subject, mail.text, mail.sender or None, [mail.to], headers=headers)
    for attachment in mail.attachments:
        message.attach(attachment.name, attachment.content, attachment.mimetype)
    message.message()  # raises ValueError for a header that cannot be
    return message


def _meaning(error: OSError) -> SendFailed:
    """Return what an error of smtplib means, once a connection was open (RFC 5321, 4.2.1: 4yz may be tried again, 5yz
    may not)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next((code for code, _said in error.recipients.values()), 550)
        return SendFailed(Reason.BUSY if code < 500 else Reason.ADDRESS, code=str(code))
    if isinstance(error, smtplib.SMTPResponseException):
        return SendFailed(Reason.BUSY if error.smtp_code < 500 else Reason.REFUSED, code=str(error.smtp_code))
    return SendFailed(Reason.UNKNOWN)
