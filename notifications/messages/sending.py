"""Sending what is due. A message is marked as being sent before its provider is called: if the worker dies then, nobody
knows whether it went out, and it is said to be uncertain instead of being sent twice. As many are marked together as
their provider takes within a tenth of a second: one after another where it is slow, ten where the database would
take longer than all the rest. In the worker's job it rests between them (docs/adr/0062)."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.utils import timezone

from audit import log
from audit.events import AuditEvent
from core.encryption.blind_index import phone_fingerprint
from core.encryption.fields import MARK, unreadable_marked
from core.monitoring.shared import count_message
from core.search.phones import international
from core.tenancy.scope import current_practice_id
from core.tenancy.updates import update_each
from integrations import email, sms
from integrations.email import Attachment, Mail
from integrations.sending import Reason, SendFailed
from integrations.sms import Sms
from notifications.jobs import rest
from notifications.messages.addresses import twilio_address
from notifications.messages.quiet import end_of_quiet
from notifications.messages.settings import get_settings, preferences_of, say_preference
from notifications.messages.sources import Facts, facts_of
from notifications.messages.texts import DEFAULTS, MessageText, fill
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import (
    Channel,
    How,
    Message,
    MessageKind,
    MessagePreference,
    MessageSettings,
    MessageStatus,
    MessageTemplate,
)
from notifications.models.message import MessageQuerySet

logger = structlog.get_logger("praxis.messages")
BATCH, TOGETHER = 50, 10  # that are prepared, and at most marked, at once
SOON, TOO_LONG = 0.1, 1.0  # seconds: what is marked together is to be sent in, and after which the rest is given back
MAX_ATTEMPTS = 8
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=1)
LOST = timedelta(minutes=5)  # what is being sent for longer was left by a worker that died
WAKES_NOBODY = ("account", "offer")  # somebody waits for these


class Ready(NamedTuple):
    """A message that can be sent now."""

    message: Message
    address: str
    text: MessageText
    language: str
    attachments: tuple[Attachment, ...] = ()
    until: datetime | None = None


class _Unsent(Exception):
    """The message is not sent, or not before `until`."""

    def __init__(self, why: UnsentReason | None = None, *, until: datetime | None = None, **details: str) -> None:
        self.why, self.until, self.details = why, until, details


def send_due(*, until: Callable[[], bool] = lambda: False) -> int:
    """Send what is due in the practice of the scope, oldest first, until all is sent or `until`, which is asked after
    every few messages, says to end. Return how many were handled. Call this outside a transaction: each step is stored
    by itself."""
    handled = 0
    while not until() and (batch := list(Message.objects.due(timezone.now())[:BATCH])):
        left = _send_all(batch, until)
        handled += len(batch) - left
        if left:
            break
    return handled


def send_these(messages: MessageQuerySet) -> None:
    """Send these if they are due."""
    _send_all(list(messages.due(timezone.now())), until=lambda: False)


def _send_all(batch: list[Message], until: Callable[[], bool]) -> int:
    """Send these until `until` says to end, and return how many are left as they were."""
    with unreadable_marked():
        waiting, together = _prepare(batch, timezone.now()), 1
        while waiting and not until():
            began = time.monotonic()
            given_back = _send(waiting[:together])
            done = min(together, len(waiting)) - len(given_back)
            waiting = [*given_back, *waiting[together:]]
            each = (time.monotonic() - began) / done
            together = max(1, min(TOGETHER, int(SOON / each)))
        return len(waiting)


def has_due(now: datetime) -> bool:
    return bool(Message.objects.due(now).exists())


def give_up_lost() -> int:
    """Say of what a dead worker left that nobody knows whether it was sent."""
    moment = timezone.now()
    left = Message.objects.filter(status=MessageStatus.SENDING, started_at__lt=moment - LOST)
    return int(left.update(status=MessageStatus.UNCERTAIN, why=UnsentReason.UNKNOWN, updated_at=moment))


# --- Before a message is sent -----------------------------------------------------------------------------------------


def _prepare(batch: list[Message], now: datetime) -> list[Ready]:
    """Return what can be sent now; of the rest it is noted why it is not sent, or when it is tried next."""
    written_before = [message for message in batch if message.kind == MessageKind.ACCOUNT]
    ready = [_as_written(message) for message in written_before if _is_configured(message.channel)]
    for message in written_before:
        if not _is_configured(message.channel):
            _note_unsent(message, _Unsent(UnsentReason.NO_PROVIDER), now)
    others = [message for message in batch if message.kind != MessageKind.ACCOUNT]
    if others:
        ready += _prepare_others(others, now)
    patients = [one.message.patient_id for one in ready if one.message.patient_id]
    if patients:
        log.record_bulk(
            AuditEvent.MESSAGES_SENT,
            Message,
            practice_id=current_practice_id(),
            patients=patients,
            count=len(patients),
        )
    return ready


def _as_written(message: Message) -> Ready:
    """Return a message to an account, which was written where it was planned (account_mail.py)."""
    return Ready(message, message.address, MessageText(message.subject, message.text), message.language)


def _prepare_others(batch: list[Message], now: datetime) -> list[Ready]:
    settings, own, facts = get_settings(), _own_texts(), facts_of(batch, now)
    preferences = preferences_of(message.patient_id for message in batch if message.patient_id)
    ready = []
    for message in batch:
        preference = preferences.get(message.patient_id) if message.patient_id else None
        try:
            ready.append(_prepared(message, facts[message.pk], preference, settings, own, now))
        except _Unsent as unsent:
            _note_unsent(message, unsent, now)
        except DatabaseError:  # it says nothing of the message
            raise
        except Exception as error:  # one that cannot be written must not keep the others from being sent
            logger.error("message not written", message_id=str(message.pk), error=type(error).__name__)
            _note_unsent(message, _Unsent(UnsentReason.TEXT), now)
        rest()
    return ready


def _own_texts() -> dict[tuple[str, str, str], MessageText]:
    return {
        (row.kind, row.channel, row.language): MessageText(row.subject, row.text, row.version)
        for row in MessageTemplate.objects.all()
    }


def _prepared(
    message: Message,
    facts: Facts | UnsentReason,
    preference: MessagePreference | None,
    settings: MessageSettings,
    own: Mapping[tuple[str, str, str], MessageText],
    now: datetime,
) -> Ready:
    """Return the message with all that it takes to send it. Raises _Unsent."""
    if isinstance(facts, UnsentReason):
        raise _Unsent(facts)
    if facts.until and now >= facts.until:
        raise _Unsent(UnsentReason.TOO_LATE)
    if preference and (since := preference.refused_since(message.channel)):
        how = getattr(preference, f"no_{message.channel}_how")
        raise _Unsent(UnsentReason.OPTED_OUT, since=since.isoformat(), how=how)
    address = _address(message.channel, facts)
    if not address:
        raise _Unsent(UnsentReason.NO_ADDRESS)
    if not _is_configured(message.channel):
        raise _Unsent(UnsentReason.NO_PROVIDER)
    if message.kind not in WAKES_NOBODY:
        later = end_of_quiet(now, zone=facts.zone, start=settings.quiet_from, end=settings.quiet_until)
        if facts.until and later >= facts.until:
            raise _Unsent(UnsentReason.QUIET)
        if later > now:
            raise _Unsent(until=later)
    language = (preference.language if preference else "") or settings.language
    text = written(message.kind, message.channel, language, facts.fields(language), own)
    if MARK in text.subject + text.text:
        raise _Unsent(UnsentReason.TEXT)
    attachments = tuple(facts.attachments()) if message.channel == Channel.EMAIL else ()
    return Ready(message, address, text, language, attachments, facts.until)


def written(
    kind: str, channel: str, language: str, fields: Mapping[str, str], own: Mapping[tuple[str, str, str], MessageText]
) -> MessageText:
    """Return the text of a message, filled in: the practice's own, or the one that comes with Praxis."""
    found = own.get((kind, channel, language)) or DEFAULTS[kind, channel, language]
    subject = " ".join(fill(found.subject, fields).split())
    return MessageText(subject[:300], fill(found.text, fields)[:5000], found.version)


def _is_configured(channel: str) -> bool:
    return (sms if channel == Channel.SMS else email).is_configured()


def _address(channel: str, facts: Facts) -> str:
    return international(facts.phone, region=facts.region) if channel == Channel.SMS else facts.email


def _note_unsent(message: Message, unsent: _Unsent, now: datetime) -> None:
    planned = Message.objects.filter(pk=message.pk, status=MessageStatus.PLANNED)
    if unsent.until:
        planned.update(due_at=unsent.until, updated_at=now)
    else:
        values = {"status": MessageStatus.SUPPRESSED, "why": unsent.why, "why_details": unsent.details}
        if planned.update(**values, updated_at=now):
            count_message(message.channel, MessageStatus.SUPPRESSED)


# --- Sending ----------------------------------------------------------------------------------------------------------


def _send(several: list[Ready]) -> list[Ready]:
    """Send these, at least the first, and return those that are still to be sent because that took so long."""
    left, sent = _mark_sending(several, timezone.now()), list[tuple[Message, str]]()
    slow_at = time.monotonic() + TOO_LONG
    try:
        while left:
            _send_one(left.pop(0), sent)
            rest()
            if time.monotonic() > slow_at:
                break
    except DatabaseError:  # of a failure that could not be noted: the others must not become uncertain
        _settle(sent, left)
        raise
    return _settle(sent, left)


def _send_one(ready: Ready, sent: list[tuple[Message, str]]) -> None:
    message = ready.message
    try:
        sent.append((message, _hand_over(ready)))
    except SendFailed as failed:
        _note_failure(message, failed, timezone.now())
    except Exception as error:
        logger.error("message uncertain", message_id=str(message.pk), error=type(error).__name__)
        _note_failure(message, SendFailed(Reason.UNKNOWN), timezone.now())


def _settle(sent: list[tuple[Message, str]], left: list[Ready]) -> list[Ready]:
    """Note what was sent, and return what is left, which is planned again: that first, so that it is not left as being
    sent should noting fail."""
    if left:
        _take_back(left)
    _note_sent(sent, timezone.now())
    return left


def _mark_sending(several: list[Ready], now: datetime) -> list[Ready]:
    """Mark these messages, which decides who sends them: a planned one becomes one that is being sent once. Return
    those that are ours: not what is too late by now, was withdrawn, or is sent by another worker."""
    late = [ready for ready in several if ready.until and now >= ready.until]
    for ready in late:
        _note_unsent(ready.message, _Unsent(UnsentReason.TOO_LATE), now)
    own = {ready.message.pk: _own_marks(ready) for ready in several if ready not in late}
    marks = {"status": MessageStatus.SENDING, "why": "", "why_details": {}, "started_at": now, "updated_at": now}
    where = {"status": MessageStatus.PLANNED}
    ours = update_each(Message, own, columns=OWN_MARKS, alike=marks, where=where) if own else set()
    return [ready for ready in several if ready.message.pk in ours]


OWN_MARKS = ("attempts", "address", "address_index", "subject", "text", "language", "template_version")


def _own_marks(ready: Ready) -> tuple[object, ...]:
    index = phone_fingerprint(ready.address) if ready.message.channel == Channel.SMS else None
    text = ready.text
    return (ready.message.attempts + 1, ready.address, index, text.subject, text.text, ready.language, text.version)


def _take_back(several: list[Ready]) -> None:
    """Plan these again, which nobody was sent."""
    ids = [ready.message.pk for ready in several]
    marked = Message.objects.filter(pk__in=ids, status=MessageStatus.SENDING)
    marked.update(status=MessageStatus.PLANNED, updated_at=timezone.now())


def _hand_over(ready: Ready) -> str:
    reference = ready.message.reference
    if ready.message.channel == Channel.SMS:
        return sms.send(Sms(ready.address, ready.text.text, twilio_address(reference)))
    return email.send(
        Mail(
            ready.address,
            ready.text.subject,
            ready.text.text,
            attachments=ready.attachments,
            reference=reference,
        )
    )


def _note_sent(sent: list[tuple[Message, str]], now: datetime) -> None:
    """A report that one was delivered may have come already."""
    for is_account in (False, True):
        own = {row.pk: (known[:100],) for row, known in sent if (row.kind == MessageKind.ACCOUNT) == is_account}
        if not own:
            continue
        alike = {"sent_at": now, "updated_at": now, **_forgotten(is_account=is_account)}
        as_sent, where = {"status": MessageStatus.SENT, **alike}, {"status": MessageStatus.SENDING}
        noted = update_each(Message, own, columns=["provider_id"], alike=as_sent, where=where)
        for pk in own.keys() - noted:
            reported = Message.objects.filter(pk=pk).exclude(status=MessageStatus.SENT)
            reported.update(provider_id=own[pk][0], **alike)
    for channel, number in Counter(row.channel for row, _provider_id in sent).items():
        count_message(channel, MessageStatus.SENT, number)


def _forgotten(*, is_account: bool) -> dict[str, str]:
    """Return what is not kept once it was sent: a link that lets somebody into an account."""
    return {"text": ""} if is_account else {}


def _note_failure(message: Message, failed: SendFailed, now: datetime) -> None:
    attempts, forgotten = message.attempts + 1, _forgotten(is_account=message.kind == MessageKind.ACCOUNT)
    values: dict[str, object] = {"why": failed.reason.value, "updated_at": now}
    if failed.code:
        values["why_details"] = {"code": failed.code}
    if failed.uncertain:
        values |= {"status": MessageStatus.UNCERTAIN, **forgotten}
    elif failed.permanent or attempts >= MAX_ATTEMPTS:
        values |= {"status": MessageStatus.FAILED, **forgotten}
    else:
        delay = min(FIRST_DELAY * 4 ** (attempts - 1), LONGEST_DELAY)
        values |= {"status": MessageStatus.PLANNED, "due_at": now + max(delay, timedelta(seconds=failed.wait))}
    noted = Message.objects.filter(pk=message.pk, status=MessageStatus.SENDING).update(**values)
    if noted and values.get("status") in (MessageStatus.FAILED, MessageStatus.UNCERTAIN):
        count_message(message.channel, str(values["status"]))
    if failed.reason == Reason.OPTED_OUT and message.patient_id:
        refuse([message.patient_id], channel=message.channel, how=How.PROVIDER)


def refuse(patient_ids: Iterable[UUID], *, channel: str, how: str) -> None:
    """Note that these patients want nothing by this channel."""
    for patient_id in sorted(set(patient_ids)):
        say_preference(patient_id=patient_id, how=how, channels=[channel], wanted=False)
