"""The scope: the practice whose data code may use, or the installation. Apart from core/tenancy/managers.py because the
database backend uses it before models can be loaded."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from uuid import UUID

INSTALLATION = UUID(int=0)  # no practice has this id
_scope: ContextVar[UUID | None] = ContextVar("practice_scope", default=None)


class ScopeError(RuntimeError):
    """Data of a practice was used without a scope, or in another practice's scope."""


@contextmanager
def practice_scope(practice_id: UUID) -> Iterator[None]:
    """Restrict the code inside to the data of this practice."""
    token = _scope.set(practice_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def installation_scope() -> Iterator[None]:
    """Give the code inside access to the accounts and audit events of every practice, through unscoped managers, and to
    no other data: for sign-in, before the practice is known, and for the platform's commands. The innermost scope
    applies. Usable as a decorator."""
    token = _scope.set(INSTALLATION)
    try:
        yield
    finally:
        _scope.reset(token)


def account_scope(practice_id: UUID | None) -> AbstractContextManager[None]:
    """Return the scope of an account: its practice's, or the installation's for a platform superuser."""
    return installation_scope() if practice_id is None else practice_scope(practice_id)


def open_scope() -> UUID | None:
    """Return the innermost scope for row-level security: a practice's id, INSTALLATION, or None without a scope."""
    return _scope.get()


def current_practice_id() -> UUID:
    """Return the practice of the current scope; raise ScopeError without one."""
    practice_id = _scope.get()
    if practice_id is None or practice_id == INSTALLATION:
        raise ScopeError("No practice scope is open: wrap the call in practice_scope(practice_id).")
    return practice_id
