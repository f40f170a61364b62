"""The origin of what is being done, a request or a command, as audit events record it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

AGENT_LENGTH = 255


class NoOrigin(RuntimeError):
    """An audit event is to be recorded and there is no origin."""


@dataclass(slots=True)
class Origin:
    """Where events come from. `agent` is the User-Agent header or the command. The user is added once known."""

    request_id: str = ""
    address: str = ""
    agent: str = ""
    user_id: UUID | None = None
    role: str = ""
    practice_id: UUID | None = None
    api_key_id: UUID | None = None  # of a program that acts for the user
    events: int = 0  # recorded so far
    patients: set[UUID] = field(default_factory=set)  # of these events, in a request

    def __post_init__(self) -> None:
        self.agent = self.agent.replace("\x00", "")[:AGENT_LENGTH]


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
_process: Origin | None = None


def current() -> Origin:
    """Return the current origin; raise NoOrigin without one."""
    origin = _origin.get() or _process
    if origin is None:
        raise NoOrigin("No origin: wrap the call in audit.context.coming_from(Origin(...)).")
    return origin


@contextmanager
def coming_from(origin: Origin) -> Iterator[Origin]:
    """Make this the origin of what happens inside."""
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


class Person(Protocol):
    """The part of a user that this app knows."""

    pk: UUID
    role: str


@contextmanager
def done_by(person: Person) -> Iterator[None]:
    """Attribute what happens inside to this person, for services with a `by=` argument."""
    origin = current()
    theirs = replace(origin, user_id=person.pk, role=person.role)
    try:
        with coming_from(theirs):
            yield
    finally:
        origin.events = theirs.events


def by_command(name: str) -> None:
    """Make this command the origin of everything this process does from now on, in all threads."""
    global _process
    _process = Origin(agent=f"manage.py {name}")


def identify(*, user_id: UUID, role: str, practice_id: UUID | None, api_key_id: UUID | None = None) -> None:
    """Add the authenticated user to the request's origin."""
    origin = current()
    origin.user_id, origin.role, origin.practice_id, origin.api_key_id = user_id, role, practice_id, api_key_id
