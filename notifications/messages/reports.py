"""What providers report of messages that were sent. Reports come more than once and in any order: whatever the order,
the same is true in the end, and a failure outweighs a delivery."""

from django.utils import timezone

from core.monitoring.shared import count_message
from integrations.sending import Report
from notifications.messages.sending import refuse
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import How, Message, MessageStatus
from notifications.models.message import parts_of_reference

S = MessageStatus
DELIVERABLE = (S.SENDING, S.SENT, S.UNCERTAIN)
CAN_FAIL = (*DELIVERABLE, S.DELIVERED)
EVENTS = {"delivered": (DELIVERABLE, S.DELIVERED, ""), "failed": (CAN_FAIL, S.FAILED, UnsentReason.BOUNCED)}


def apply(report: Report) -> None:
    """Note what became of a message, in the scope of its practice; an unknown one is left alone."""
    parts = parts_of_reference(report.reference)
    message = Message.objects.filter(pk=parts[1]).only("patient_id", "channel").first() if parts else None
    if message is None:
        return
    if report.event == "opted_out":
        if message.patient_id:
            refuse([message.patient_id], channel=message.channel, how=How.PROVIDER)
        return
    before, after, why = EVENTS[report.event]
    details = {"code": report.code} if why and report.code else {}
    now = timezone.now()
    mine = Message.objects.filter(pk=message.pk)
    if mine.filter(status__in=before).update(status=after, why=why, why_details=details, updated_at=now):
        count_message(message.channel, after)
    if report.provider_id:
        mine.filter(provider_id="").update(provider_id=report.provider_id[:100], updated_at=now)
