"""Mails that carry a link, sent in the background: who waits for the answer must not learn whether there was one."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import structlog
from django.core.mail import EmailMessage

logger = structlog.get_logger("praxis.mail")
mailer = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def send_in_background(message: EmailMessage, *, about_id: str) -> None:
    """Send the message; `about_id` names in the log what it was about, if it cannot be sent."""
    mailer.submit(copy_context().run, _deliver, message, about_id)


def _deliver(message: EmailMessage, about_id: str) -> None:
    try:
        message.send()
    except (OSError, ValueError) as error:  # smtplib's errors; ValueError for an odd address
        logger.error("mail not sent", about_id=about_id, error=type(error).__name__)
