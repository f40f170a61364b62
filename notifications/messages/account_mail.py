"""Mails to accounts (a new password, an invitation) go through the ledger and the worker, too: what the mail server
does not take at once is tried again, and a restart of the web server loses none."""

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import mail
from core.tenancy.scope import practice_scope
from notifications.jobs import enqueue
from notifications.messages.jobs import send_one
from notifications.models import Channel, Message, MessageKind

ABOUT = "account"


def take_over(message: EmailMessage, about_id: str, practice_id: UUID) -> bool:
    """Write the mail into the ledger, as it is. Called in a thread of its own, whose connection is closed: it may be
    the only time that it needs one."""
    if not settings.MAIL_BY_WORKER:
        return False
    in_thread = not connection.in_atomic_block
    try:
        with practice_scope(practice_id), transaction.atomic():
            now = timezone.now()
            row = Message.objects.create(
                about=ABOUT,
                about_id=UUID(about_id),
                occurrence=f"{about_id}:{uuid7()}",
                kind=MessageKind.ACCOUNT,
                channel=Channel.EMAIL,
                planned_for=now,
                due_at=now,
                address=message.to[0],
                subject=str(message.subject),
                text=str(message.body),
            )
            enqueue(send_one, payload={"message_id": row.pk}, practice=practice_id)
    finally:
        if in_thread:
            connection.close()
    return True


mail.outbox = take_over
