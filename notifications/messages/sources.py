"""What messages are about: the app that owns it says, when a message is to be sent, what is to be filled in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.email import Attachment
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Message


class Facts(NamedTuple):
    """What a message is made of. `fields` are the values of the merge fields in a language; `attachments` are made for
    e-mails alone. After `until` it is not sent any more."""

    email: str
    phone: str
    region: str
    zone: ZoneInfo
    fields: Callable[[str], Mapping[str, str]]
    until: datetime | None = None
    attachments: Callable[[], Sequence[Attachment]] = tuple


FactsByMessage = Mapping[UUID, Facts | UnsentReason]
FactsLoader = Callable[[Sequence[Message], datetime], FactsByMessage]
SOURCES: dict[str, FactsLoader] = {}
# What somebody means who answers a text message with a word, by what that message was about: returns what to answer.
REPLIES: dict[str, Callable[[Message], str]] = {}


def source(about: str) -> Callable[[FactsLoader], FactsLoader]:
    """Register a function that finds the facts of messages about this model, in the scope of their practice. What it
    does not find is gone."""

    def register(load: FactsLoader) -> FactsLoader:
        SOURCES[about] = load
        return load

    return register


def on_confirm(about: str) -> Callable[[Callable[[Message], str]], Callable[[Message], str]]:
    """Register what to do when somebody answers "C" to a text message about this model."""

    def register(function: Callable[[Message], str]) -> Callable[[Message], str]:
        REPLIES[about] = function
        return function

    return register


def facts_of(messages: Iterable[Message], now: datetime) -> dict[UUID, Facts | UnsentReason]:
    """Return the facts of each message, or why it must not be sent."""
    groups: dict[str, list[Message]] = {}
    for message in messages:
        groups.setdefault(message.about, []).append(message)
    found: dict[UUID, Facts | UnsentReason] = {}
    for about, group in groups.items():
        loaded = SOURCES[about](group, now) if about in SOURCES else {}
        found |= {message.pk: loaded.get(message.pk, UnsentReason.GONE) for message in group}
    return found
