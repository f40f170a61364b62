"""Where what is being done comes from: a request, or a command. The trail takes it from here."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

AGENT_LENGTH = 255


class NoOrigin(RuntimeError):
    """Something that belongs into the trail was done, and nobody has said where it comes from."""


@dataclass(slots=True)
class Origin:
    """`agent` is the browser's own words, or the command's name. Who it is joins once that is known."""

    request_id: str = ""
    address: str = ""
    agent: str = ""
    user_id: UUID | None = None
    role: str = ""
    practice_id: UUID | None = None
    events: int = 0  # written so far

    def __post_init__(self) -> None:
        self.agent = self.agent.replace("\x00", "")[:AGENT_LENGTH]


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
_process: Origin | None = None


def current() -> Origin:
    """Raises NoOrigin."""
    origin = _origin.get() or _process
    if origin is None:
        raise NoOrigin("Nobody has said where this comes from: wrap it in audit.context.coming_from(Origin(...)).")
    return origin


@contextmanager
def coming_from(origin: Origin) -> Iterator[Origin]:
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def by_command(name: str) -> None:
    """Everything that this process does from here on, in all its threads, is this command's doing."""
    global _process
    _process = Origin(agent=f"manage.py {name}")


def identify(*, user_id: UUID, role: str, practice_id: UUID | None) -> None:
    """The request is this user's, as their session proves."""
    origin = current()
    origin.user_id, origin.role, origin.practice_id = user_id, role, practice_id
