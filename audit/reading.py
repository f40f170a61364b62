"""Reading a practice's trail, the newest events first, at the same cost whatever the table's size: nothing is counted,
a page begins where the one before ended, and a span of time is a span of keys."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from django.db.models import QuerySet

from audit import keys
from audit.models import Event, Subject

logger = structlog.get_logger("praxis.trail")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS_BELOW_THE_MILLISECONDS = 80  # of a UUIDv7


class NoSuchPlace(LookupError):
    """A page was to begin after an event that is not among those asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events; what is None narrows nothing. The first instant is included, the last is not."""

    practice_id: UUID
    patient: UUID | None = None
    user: UUID | None = None
    event: str | None = None  # a Kind
    outcome: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def told(self) -> dict[str, Any]:
        """What narrows them, for the trail itself: ids and kinds."""
        names = ("patient", "user", "event", "outcome", "start", "end")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def page(wanted: Wanted, *, after: UUID | None, limit: int) -> tuple[list[Event], UUID | None]:
    """Up to `limit` events, and what to give as `after` for those that follow: None where these are the last. Raises
    NoSuchPlace."""
    if after is not None and not _matching(wanted).filter(pk=after).exists():
        raise NoSuchPlace
    events = list(_matching(wanted, after=after).order_by("-pk")[: limit + 1])
    return events[:limit], events[limit - 1].pk if len(events) > limit else None


def _matching(wanted: Wanted, *, after: UUID | None = None) -> QuerySet[Event]:
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
    told = Subject.objects.filter(practice_id=wanted.practice_id, patient_id=wanted.patient)
    # the span once more: no database concludes it from the keys being equal
    told = told.filter(**{f"event_id__{edge}": key for edge, key in span.items()})
    return events.filter(pk__in=told.values("event_id"))


def _span(wanted: Wanted, after: UUID | None) -> dict[str, UUID]:
    """The keys between which the events lie, by lookup."""
    upper = [after] if after else []
    if wanted.end is not None:
        upper.append(_first_key(wanted.end + timedelta(milliseconds=1)))
    span = {"lt": min(upper)} if upper else {}
    return span if wanted.start is None else {**span, "gte": _first_key(wanted.start)}


def _first_key(moment: datetime) -> UUID:
    """Below all keys of the moment's millisecond."""
    return UUID(int=max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << _BITS_BELOW_THE_MILLISECONDS)


def email_of(event: Event) -> str | None:
    """The email of a sign-in event. None too where it cannot be decrypted: `audit_verify` says what happened to it."""
    if event.email is None:
        return None
    try:
        return keys.show_email(bytes(event.email), key_id=event.key_id, event_id=event.pk)
    except (InvalidTag, KeyError):
        logger.error("The email of an event cannot be decrypted", event_id=event.pk)
        return None
