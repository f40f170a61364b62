"""Whose data this code may touch: one practice's, or what belongs to the installation. It stands apart from
core/tenancy.py because the database backend reads it too, before any model can be loaded."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from uuid import UUID

INSTALLATION = UUID(int=0)  # no practice has this id
_scope: ContextVar[UUID | None] = ContextVar("practice_scope", default=None)


class ScopeError(RuntimeError):
    """A practice's data was touched without a scope, or across two practices."""


@contextmanager
def practice_scope(practice_id: UUID) -> Iterator[None]:
    """Everything inside sees and writes the data of this practice alone."""
    token = _scope.set(practice_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def installation_scope() -> Iterator[None]:
    """Inside, the accounts and the trail of every practice can be reached, by managers that are not scoped, and no
    practice's other data: for sign-in, which knows no practice yet, and for the platform's commands. Nests with
    `practice_scope`, the innermost holds. Usable as a decorator."""
    token = _scope.set(INSTALLATION)
    try:
        yield
    finally:
        _scope.reset(token)


def account_scope(practice_id: UUID | None) -> AbstractContextManager[None]:
    """The scope in which an account lives: its practice's, or the installation's for a platform superuser."""
    return installation_scope() if practice_id is None else practice_scope(practice_id)


def open_scope() -> UUID | None:
    """The practice of the innermost scope, INSTALLATION, or None without one: what row-level security is told."""
    return _scope.get()


def current_practice_id() -> UUID:
    """The practice of the open scope; raises ScopeError where there is none."""
    practice_id = _scope.get()
    if practice_id is None or practice_id == INSTALLATION:
        raise ScopeError("No practice scope is open: wrap the call in practice_scope(practice_id).")
    return practice_id
