"""Reading a practice's audit trail, newest events first, at a cost that does not depend on its size: nothing is
counted, a page begins where the previous one ended, and a range of time is a range of keys."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from django.db.models import Q, QuerySet

from audit import keys
from audit.events import AuditEvent, Outcome
from audit.models import Event, Subject

logger = structlog.get_logger("praxis.trail")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS_BELOW_THE_MILLISECONDS = 80  # of a UUIDv7


class InvalidCursor(LookupError):
    """The event that a page should begin after is not among the filtered ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to return; None does not filter. `start` is inclusive, `end` exclusive."""

    practice_id: UUID
    patient: UUID | None = None
    user: UUID | None = None
    event: str | None = None  # an AuditEvent
    outcome: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def as_details(self) -> dict[str, Any]:
        """Return the filters in use, for the audit event of reading: ids and kinds."""
        names = ("patient", "user", "event", "outcome", "start", "end")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def page(wanted: EventFilter, *, after: UUID | None, limit: int) -> tuple[list[Event], UUID | None]:
    """Return up to `limit` events, and the `after` of the next page or None if this is the last. Raise
    InvalidCursor."""
    if after is not None and not _matching(wanted).filter(pk=after).exists():
        raise InvalidCursor
    events = list(_matching(wanted, after=after).order_by("-pk")[: limit + 1])
    return events[:limit], events[limit - 1].pk if len(events) > limit else None


def has_seen(
    *, practice_id: UUID, user_id: UUID, patient_id: UUID, about: str, about_id: UUID, since: datetime
) -> bool:
    """Return whether this user was shown, or changed, the patient's row after that moment, or a list that may have had
    it. An answer that was kept shows how the row was before."""
    wanted = EventFilter(practice_id=practice_id, patient=patient_id, user=user_id, outcome=Outcome.DONE, start=since)
    shown = _matching(wanted).filter(Q(about_id=about_id) | Q(about_id=None), about=about, at__gt=since)
    return shown.exclude(kind=AuditEvent.ANSWER_REPEATED).exists()


def was_done_to(user_id: UUID, kind: AuditEvent, *, practice_id: UUID, since: datetime) -> bool:
    """Return whether somebody else has done this to the person's account since then."""
    wanted = EventFilter(practice_id=practice_id, event=kind, outcome=Outcome.DONE, start=since)
    return _matching(wanted).filter(about_id=user_id).exclude(user_id=user_id).exists()


def _matching(wanted: EventFilter, *, after: UUID | None = None) -> QuerySet[Event]:
    span = _span(wanted, after)
    columns = {
        "practice_id": wanted.practice_id,
        "user_id": wanted.user,
        "kind": wanted.event,
        "outcome": wanted.outcome,
        "at__gte": wanted.start,
        "at__lt": wanted.end,
    }
    events = Event.objects.filter(**{name: value for name, value in columns.items() if value is not None})
    events = events.filter(**{f"pk__{edge}": key for edge, key in span.items()})
    if wanted.patient is None:
        return events
    subjects = Subject.objects.filter(practice_id=wanted.practice_id, patient_id=wanted.patient)
    # the range again: no database infers it from the join
    subjects = subjects.filter(**{f"event_id__{edge}": key for edge, key in span.items()})
    return events.filter(pk__in=subjects.values("event_id"))


def _span(wanted: EventFilter, after: UUID | None) -> dict[str, UUID]:
    """Return the bounds of the events' keys, by lookup."""
    upper = [after] if after else []
    if wanted.end is not None:
        upper.append(_first_key(wanted.end + timedelta(milliseconds=1)))
    span = {"lt": min(upper)} if upper else {}
    return span if wanted.start is None else {**span, "gte": _first_key(wanted.start)}


def _first_key(moment: datetime) -> UUID:
    """Return the lowest key of this millisecond."""
    return UUID(int=max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << _BITS_BELOW_THE_MILLISECONDS)


def get_email(event: Event) -> str | None:
    """Return the email of a sign-in event; None also if it cannot be decrypted (see `audit_verify`)."""
    if event.email is None:
        return None
    try:
        return keys.decrypt_email(bytes(event.email), key_id=event.key_id, event_id=event.pk)
    except (InvalidTag, KeyError):
        logger.error("The email of an event cannot be decrypted", event_id=event.pk)
        return None
