"""What the API and the admin site show of the trail: events with the names of who did what."""

from collections.abc import Iterable
from typing import NamedTuple

from accounts.models import User
from audit.events import Kind
from audit.models import Event


class Entry(NamedTuple):
    """An event, and who did it where the practice still knows them."""

    event: Event
    person: User | None

    @property
    def label(self) -> str:
        """The event in words; a kind that is no longer written stands as it is stored."""
        return str(Kind(self.event.kind).label) if self.event.kind in Kind else self.event.kind


def entries(events: Iterable[Event]) -> list[Entry]:
    """With all names in one query."""
    events = list(events)
    ids = {event.user_id for event in events if event.user_id}
    people = {person.pk: person for person in User.objects.filter(pk__in=ids).only("name", "role")}
    return [Entry(event, people.get(event.user_id)) for event in events]
