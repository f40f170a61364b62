"""Audit events together with the person who caused them, for the API and the admin site."""

from collections.abc import Iterable
from typing import NamedTuple

from accounts.models import User
from audit.events import AuditEvent
from audit.models import Event


class Entry(NamedTuple):
    """An event and the person who caused it; None where the practice has no such account (any more)."""

    event: Event
    person: User | None

    @property
    def label(self) -> str:
        """The event's label; of a kind no longer in use, the stored value."""
        return str(AuditEvent(self.event.kind).label) if self.event.kind in AuditEvent else self.event.kind


def entries(events: Iterable[Event]) -> list[Entry]:
    """Return the events as entries; looks all people up in one query."""
    events = list(events)
    ids = {event.user_id for event in events if event.user_id}
    people = {person.pk: person for person in User.objects.filter(pk__in=ids).only("name", "role")}
    return [Entry(event, people.get(event.user_id)) for event in events]
