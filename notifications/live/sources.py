"""What open connections are told of. An app above registers a source: rows whose changes are numbered in the order of
their commits, so that a number says what somebody has missed."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from core.permissions import Permission


class Change(NamedTuple):
    """A row that changed, with the number of its last change. `account_id` is that of the patient it is about."""

    number: int
    type: str
    id: UUID
    version: int
    account_id: UUID | None


class Source(Protocol):
    read_all: Permission  # hears of every change
    read_own: Permission  # hears of what is about their own chart

    def last_number(self) -> int:
        """Return the number of the practice's last change, in its scope."""

    def changes_after(self, number: int, *, limit: int) -> Sequence[Change]:
        """Return the changes after this number, in their order."""

    def cursor(self, number: int) -> str:
        """Return what a client sends to hear what came after this number."""

    def number_of(self, cursor: str) -> int:
        """Return the number. Raises Invalid."""


_source: list[Source] = []


def register(source: Source) -> None:
    _source[:] = [source]


def source() -> Source:
    """Return the source; there is one, the appointments."""
    return _source[0]
