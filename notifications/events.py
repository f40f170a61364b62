"""What happened in a practice, told to whoever listens: programs of other makers, open pages.

    publish(practice=visit.practice_id, type=EventType.APPOINTMENT_CHANGED, id=visit.pk, version=3, by=user.pk)

A service calls it in the transaction of the change. An event says that something is new and holds ids alone: whoever
hears of it reads the row, with their own permissions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7


class EventType(StrEnum):
    """The value is part of the API. "changed" says of a new row too: what it is now is for the reader to see."""

    APPOINTMENT_CHANGED = "appointment.changed"
    APPOINTMENT_DELETED = "appointment.deleted"
    PATIENT_CHANGED = "patient.changed"
    PATIENT_DELETED = "patient.deleted"


@dataclass(frozen=True, slots=True)
class Event:
    """`version` is that of the row after the change, if it has versions. `key` names the event itself."""

    practice_id: UUID
    type: EventType
    id: UUID
    version: int | None = None
    by: UUID | None = None
    key: UUID = field(default_factory=uuid7)
    at: datetime = field(default_factory=timezone.now)


Listener = Callable[[Event], None]
_in_transaction: list[Listener] = []
_on_commit: list[Listener] = []


def in_transaction(listener: Listener) -> Listener:
    """Call this in the transaction of the change, to write rows that are there if the change is. What it raises undoes
    the change."""
    if listener not in _in_transaction:
        _in_transaction.append(listener)
    return listener


def on_commit(listener: Listener) -> Listener:
    """Call this once the change is committed. It may be lost with the process, and its errors are logged."""
    if listener not in _on_commit:
        _on_commit.append(listener)
    return listener


def publish(
    *,
    practice: UUID,
    type: EventType | str,  # noqa: A002 - the event's own name for it
    id: UUID,  # noqa: A002
    version: int | None = None,
    by: UUID | None = None,
) -> None:
    """Tell everybody who listens. Call it in the transaction of the change, in the practice's scope."""
    event = Event(practice_id=practice, type=EventType(type), id=id, version=version, by=by)
    for listener in _in_transaction:
        listener(event)
    for listener in _on_commit:
        transaction.on_commit(partial(listener, event), robust=True)
