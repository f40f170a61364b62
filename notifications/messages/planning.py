"""Planning messages, in the transaction of what causes them: a row each in the ledger, and nothing is sent."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections, router, transaction
from django.utils import timezone

from core.encryption.fields import EncryptedFieldMixin
from core.models import insert_statement
from notifications.messages.quiet import end_of_quiet
from notifications.messages.settings import get_settings
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Message, MessageKind, MessageSettings, MessageStatus

GRACE = timedelta(minutes=3)  # so that a slip of the hand writes to nobody
TOGETHER = 50  # rows in one statement


class Draft(NamedTuple):
    """A message to plan; with a `why` it is only noted that there is none."""

    kind: str
    channel: str
    at: datetime
    says: str = ""
    why: str = ""


def build(
    drafts: Iterable[Draft], *, about: str, about_id: UUID, occurrence: str, patient_id: UUID | None
) -> list[Message]:
    """Return the rows of the ledger, which are not stored yet. `occurrence` is unique for what happened, such as
    `<id of the visit>:<its version>`."""
    return [
        Message(
            patient_id=patient_id,
            about=about,
            about_id=about_id,
            occurrence=occurrence,
            kind=draft.kind,
            channel=draft.channel,
            says=draft.says,
            planned_for=draft.at,
            due_at=draft.at,
            status=MessageStatus.SUPPRESSED if draft.why else MessageStatus.PLANNED,
            why=draft.why,
        )
        for draft in drafts
    ]


def store(rows: list[Message]) -> None:
    """Store new rows, some dozens in a statement whose text is kept: building one takes Django longer than all that."""
    if not rows:
        return
    fields = Message._meta.concrete_fields
    names = tuple(field.name for field in fields)
    for row in rows:
        row.enter_scope()
    connection = connections[router.db_for_write(Message)]  # the proxy of it looks it up for each value
    values = list(zip(*(_column(field, rows, connection) for field in fields), strict=True))
    whole = len(rows) // TOGETHER * TOGETHER
    groups = [values[first : first + TOGETHER] for first in range(0, whole, TOGETHER)]
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if groups:
            statement = insert_statement(Message, connection.alias, names, TOGETHER)
            cursor.executemany(statement, [tuple(chain.from_iterable(group)) for group in groups])
        if rest := values[whole:]:
            statement = insert_statement(Message, connection.alias, names, len(rest))
            cursor.execute(statement, tuple(chain.from_iterable(rest)))


def _column(field: Any, rows: list[Message], connection: Any) -> list[Any]:
    """Return what is stored of one field. What all rows have is prepared once, but for a text that is encrypted and
    written."""
    values = [field.pre_save(row, True) for row in rows]
    first = values[0]
    if values.count(first) == len(values) and not (first and isinstance(field, EncryptedFieldMixin)):
        return [field.get_db_prep_save(first, connection)] * len(rows)
    return [field.get_db_prep_save(value, connection) for value in values]


def plan(
    kind: str,
    *,
    about: str,
    about_id: UUID,
    patient_id: UUID,
    occurrence: str | None = None,
    grace: timedelta = GRACE,
    zone: ZoneInfo | None = None,
    says: str = "",
    settings: MessageSettings | None = None,
) -> list[Message]:
    """Plan a notice of this kind by the channels that the practice wants. An app above calls this for what is its own:
    billing for an invoice with `plan(MessageKind.INVOICE, about="billing.Invoice", about_id=…, patient_id=…)`, after
    it has registered a `@source("billing.Invoice")`, which says what is filled in."""
    settings = settings or get_settings()
    at = notice_time(settings, zone, grace=grace)
    drafts = [Draft(kind, channel, at, says) for channel in settings.channels_of(kind)]
    rows = build(
        drafts, about=about, about_id=about_id, occurrence=occurrence or f"{about_id}:{kind}", patient_id=patient_id
    )
    store(rows)
    return rows


def notice_time(settings: MessageSettings, zone: ZoneInfo | None, *, grace: timedelta = GRACE) -> datetime:
    """Return when to send what has just happened: after the grace, and not at night."""
    at = timezone.now() + grace
    if zone is None:
        return at
    return end_of_quiet(at, zone=zone, start=settings.quiet_from, end=settings.quiet_until)


def withdraw(about_ids: Iterable[UUID], *, why: str = UnsentReason.CHANGED, kinds: Iterable[str] = ()) -> int:
    """Cancel what is planned about these, in the caller's transaction, and return how many there were. A message that a
    worker is sending is sent."""
    planned = Message.objects.filter(about_id__in=list(about_ids), status=MessageStatus.PLANNED)
    planned = planned.filter(kind__in=list(kinds)) if kinds else planned
    now = timezone.now()
    return int(planned.update(status=MessageStatus.CANCELLED, why=why, why_details={}, updated_at=now))


def ledger_of(about_ids: Iterable[UUID], *kinds: MessageKind) -> list[Message]:
    """Return the messages about these, oldest first, without what is encrypted."""
    rows = Message.objects.filter(about_id__in=list(about_ids))
    rows = rows.filter(kind__in=kinds) if kinds else rows
    return list(rows.defer("address", "subject", "text").order_by("id"))


def last_said(rows: Iterable[Message]) -> dict[str, str]:
    """Return what somebody was told last by each channel, of these rows in order."""
    return {row.channel: row.says for row in rows if row.says}
