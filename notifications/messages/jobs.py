"""What the worker does for messages."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.jobs import enqueue, job, scheduled, somebody_waits, stopping
from notifications.messages import sending
from notifications.models import Message
from practices.services import each_practice

SHARE = 1 / 3  # of a core, so that sending some thousands does not slow down whoever works with the pages


@scheduled("messages.find_due", _("Look for messages that are due"), every=timedelta(seconds=15))
def find_due() -> None:
    """Have each practice's due messages sent, by one worker for each."""
    for practice_id in each_practice():
        sending.give_up_lost()
        if sending.has_due(timezone.now()):
            enqueue(send_due, payload={}, unique_key="due", practice=practice_id)


@job("messages.send_due", _("Send messages that are due"), max_attempts=1, share=SHARE)
def send_due() -> None:
    """Send what is due in the practice. Should the worker die, nothing is sent twice: each message is marked before
    its provider is called. Where somebody waits for another job, the next run of `find_due` has it go on."""
    sending.send_due(until=lambda: stopping() or somebody_waits())


@job("messages.send_one", _("Send one message at once"), max_attempts=1, urgent=True)
def send_one(message_id: str) -> None:
    """Send a message for which somebody waits, such as a link to set a new password."""
    sending.send_these(Message.objects.filter(pk=UUID(message_id)))
