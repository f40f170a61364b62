"""Audit events together with the person who caused them, for the API and the admin site."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import orjson
from django.utils.translation import gettext

from accounts.models import ApiKey, User
from audit.events import AuditEvent
from audit.models import Event


class Entry(NamedTuple):
    """An event and the person who caused it; None where the practice has no such account (any more). `api_key` is that
    of the program which acted in the person's name."""

    event: Event
    person: User | None
    api_key: ApiKey | None = None

    @property
    def name(self) -> str | None:
        """Who it was, a program if it was one; None if the practice has no such account (any more)."""
        if self.api_key is not None:
            return gettext("%(name)s (API key)") % {"name": self.api_key.name}
        return self.person.name if self.person else None

    @property
    def label(self) -> str:
        """The event's label; of a kind no longer in use, the stored value."""
        return str(AuditEvent(self.event.kind).label) if self.event.kind in AuditEvent else self.event.kind


def entries(events: Iterable[Event]) -> list[Entry]:
    """Return the events as entries; looks all people up in one query."""
    events = list(events)
    ids = {event.user_id for event in events if event.user_id}
    people = {person.pk: person for person in User.objects.filter(pk__in=ids).only("name", "role")}
    keys = {event.pk: key for event in events if (key := _key_of(event))}
    programs = {key.pk: key for key in ApiKey.objects.filter(pk__in=set(keys.values()))} if keys else {}
    return [Entry(event, people.get(event.user_id), programs.get(keys.get(event.pk))) for event in events]


def _key_of(event: Event) -> UUID | None:
    if '"api_key"' not in event.details:
        return None
    named = orjson.loads(event.details).get("api_key")
    return UUID(named) if named else None
