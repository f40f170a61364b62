"""What people text back: STOP and START are about all messages of all practices that wrote to this number, "C" is about
the last visit that one of them wrote of."""

from django.db import transaction

from core.encryption.blind_index import phone_fingerprint
from core.tenancy.scope import practice_scope
from integrations.sms.contract import Inbound
from notifications.messages.settings import say_preference
from notifications.messages.sources import REPLIES
from notifications.messages.texts import answer
from notifications.models import Channel, How, Message, MessageKind
from notifications.models.message import MAY_HAVE_ARRIVED
from practices.services import each_practice

# Twilio's words (https://help.twilio.com/articles/223134027), which it acts on, too, and those of German carriers
STOP = {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "stopp"}
START = {"start", "unstop", "yes"}
CONFIRM = {"c", "confirm", "ok", "ja"}
OF_VISITS = (MessageKind.BOOKED, MessageKind.MOVED, MessageKind.REMINDER)


def take(inbound: Inbound) -> str:
    """Do what somebody means, and return what to answer; empty for what nobody understands. A text that comes twice is
    answered twice, and done once."""
    word = inbound.text.strip().strip(".!\"'").casefold()
    index = phone_fingerprint(inbound.sender)
    if word in STOP | START:
        return _prefer(index, wanted=word in START)
    return _confirm(index) if word in CONFIRM else ""


def _written_to(index: bytes) -> list[Message]:
    """Return the practice's messages to this number, the latest first."""
    rows = Message.objects.filter(address_index=index, status__in=MAY_HAVE_ARRIVED, channel=Channel.SMS)
    return list(rows.defer("address", "subject", "text").order_by("-id")[:200])


def _prefer(index: bytes, *, wanted: bool) -> str:
    said = ""
    for _practice in each_practice():
        with transaction.atomic():
            rows = _written_to(index)
            for patient_id in sorted({row.patient_id for row in rows if row.patient_id}):
                say_preference(patient_id=patient_id, how=How.STOP, channels=[Channel.SMS], wanted=wanted)
        if rows:
            said = answer("start" if wanted else "stop", rows[0].language)
    return said


def _confirm(index: bytes) -> str:
    found: Message | None = None
    for _practice in each_practice():
        rows = [row for row in _written_to(index) if row.kind in OF_VISITS and row.about in REPLIES]
        if rows and (found is None or rows[0].pk > found.pk):
            found = rows[0]
    if found is None:
        return ""
    with practice_scope(found.practice_id):
        return REPLIES[found.about](found)
