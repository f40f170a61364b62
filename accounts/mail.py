"""Mails that carry a link, sent in the background: who waits for the answer must not learn whether there was one.

An app above may take them over (`outbox`): notifications puts them into its ledger, from which the worker sends them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from uuid import UUID

import structlog
from django.core.mail import EmailMessage
from django.db import DatabaseError

Outbox = Callable[[EmailMessage, str, UUID], bool]  # returns whether it has taken the mail over
logger = structlog.get_logger("praxis.mail")
mailer = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")
outbox: Outbox | None = None


def send_in_background(message: EmailMessage, *, about_id: str, practice_id: UUID | None) -> None:
    """Send the message; `about_id` names in the log what it was about, if it cannot be sent. Mails of the installation
    have no practice."""
    mailer.submit(copy_context().run, _deliver, message, about_id, practice_id)


def _deliver(message: EmailMessage, about_id: str, practice_id: UUID | None) -> None:
    try:
        if outbox and practice_id and outbox(message, about_id, practice_id):
            return
    except DatabaseError as error:  # then without the worker
        logger.error("mail not queued", about_id=about_id, error=type(error).__name__)
    try:
        message.send()
    except (OSError, ValueError) as error:  # smtplib's errors; ValueError for an odd address
        logger.error("mail not sent", about_id=about_id, error=type(error).__name__)
