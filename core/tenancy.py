"""The wall between practices (DESIGN.md rule 2): a query outside a practice's scope raises, a row of another practice
can neither be read nor written inside it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from core import totals
from core.errors import Missing
from core.models import Model

STARTS_HELD = 256  # practices a manager remembers the start of
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


def current_practice_id() -> UUID:
    """The practice of the open scope; raises ScopeError where there is none."""
    practice_id = _scope.get()
    if practice_id is None:
        raise ScopeError("No practice scope is open: wrap the call in practice_scope(practice_id).")
    return practice_id


class PracticeQuerySet(models.QuerySet):
    """Bulk writes keep to the scope too, and make remembered totals forget (core/totals.py)."""

    def found(self, **lookups: Any) -> Any:
        """The one row that matches; raises Missing where there is none in this practice."""
        try:
            return self.get(**lookups)
        except ObjectDoesNotExist as error:
            raise Missing(f"There is no such {self.model._meta.verbose_name}.") from error

    def update(self, **values: Any) -> int:
        if {"practice", "practice_id"} & values.keys():
            raise ScopeError("A row stays in its practice.")
        changed = super().update(**values)
        totals.forget(self.model, _scope.get())
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = super().delete()
        totals.forget(self.model, _scope.get())
        return deleted

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        for row in rows:
            row.enter_scope()
        created = super().bulk_create(rows, *args, **kwargs)
        totals.forget(self.model, _scope.get())
        return created


class PracticeManager(models.Manager.from_queryset(PracticeQuerySet)):  # type: ignore[misc]
    """Rows of the scope's practice; raises ScopeError outside a scope."""

    def __init__(self) -> None:
        super().__init__()
        self._starts: dict[tuple[str | None, UUID], PracticeQuerySet] = {}

    def start(self) -> PracticeQuerySet:
        """What every query of this manager starts from, before it is narrowed to the scope."""
        queryset: PracticeQuerySet = super().get_queryset()
        return queryset

    def get_queryset(self) -> PracticeQuerySet:
        """A copy of the practice's own start, which is built once: copying costs a tenth of building."""
        key = (self._db, current_practice_id())
        if key not in self._starts:
            if len(self._starts) >= STARTS_HELD:
                self._starts.clear()
            self._starts[key] = self.start().filter(practice_id=key[1])
        return self._starts[key].all()


class PracticeModel(Model):
    """A row that belongs to one practice. Relations are followed without the scope, so services look foreign ids up
    through `objects` before they store them."""

    practice = models.ForeignKey("practices.Practice", on_delete=models.PROTECT, related_name="+", editable=False)

    objects: ClassVar[PracticeManager] = PracticeManager()

    class Meta(Model.Meta):
        abstract = True

    def enter_scope(self) -> None:
        """Give a new row the scope's practice; raises ScopeError for a row of another one."""
        if self.practice_id is None:
            self.practice_id = current_practice_id()
        elif self.practice_id != current_practice_id():
            raise ScopeError(f"This {self._meta.verbose_name} belongs to another practice.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.enter_scope()
        super().save(*args, **kwargs)
        totals.forget(type(self), self.practice_id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.enter_scope()
        deleted = super().delete(*args, **kwargs)
        totals.forget(type(self), self.practice_id)
        return deleted
