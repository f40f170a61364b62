"""What the worker does for messages."""

import time
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from notifications.jobs import enqueue, job, pause, scheduled, stopping
from notifications.messages import sending
from notifications.models import Message
from practices.services import each_practice


@scheduled("messages.find_due", every=timedelta(seconds=15))
def find_due() -> None:
    """Have each practice's due messages sent, by one worker for each."""
    for practice_id in each_practice():
        sending.give_up_lost()
        if sending.has_due(timezone.now()):
            enqueue(send_due, payload={}, unique_key="due", practice=practice_id)


@job("messages.send_due", max_attempts=1)
def send_due() -> None:
    """Send what is due in the practice. Should the worker die, nothing is sent twice: each message is marked before
    its provider is called. Between batches it rests as long as it computed, so that sending some thousands never takes
    a whole core from whoever works with the pages."""
    while not stopping():
        began = time.thread_time()
        if sending.send_due(most=sending.BATCH) < sending.BATCH:
            break
        pause(time.thread_time() - began)


@job("messages.send_one", max_attempts=1, urgent=True)
def send_one(message_id: str) -> None:
    """Send a message for which somebody waits, such as a link to set a new password."""
    sending.send_these(Message.objects.filter(pk=UUID(message_id)))
