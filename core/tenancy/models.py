"""The base of models whose rows belong to a practice."""

from typing import Any, ClassVar

from django.db import models

from core.cache import cached_counts
from core.models import Model
from core.tenancy.managers import PracticeManager
from core.tenancy.scope import INSTALLATION as INSTALLATION
from core.tenancy.scope import ScopeError, current_practice_id
from core.tenancy.scope import account_scope as account_scope
from core.tenancy.scope import practice_scope as practice_scope


class PracticeModel(Model):
    """A row that belongs to one practice. Relations are followed without the scope, so services look up foreign ids
    through `objects` before they save them."""

    practice = models.ForeignKey("practices.Practice", on_delete=models.PROTECT, related_name="+", editable=False)

    # fields that save() derives other columns from, which a bulk update would not change
    not_bulk_updatable: ClassVar[frozenset[str]] = frozenset()
    counts_changes: ClassVar[bool] = False  # in `version`, also those of many rows at once
    uncounted: ClassVar[bool] = False  # core/cache/cached_counts.py keeps no count of these rows

    objects: ClassVar[PracticeManager] = PracticeManager()

    class Meta(Model.Meta):
        abstract = True

    def enter_scope(self) -> None:
        """Set the practice of a new row to that of the scope; raise ScopeError for a row of another practice."""
        if self.practice_id is None:
            self.practice_id = current_practice_id()
        elif self.practice_id != current_practice_id():
            raise ScopeError(f"This {self._meta.verbose_name} belongs to another practice.")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.enter_scope()
        super().save(*args, **kwargs)
        cached_counts.invalidate(type(self), self.practice_id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.enter_scope()
        deleted = super().delete(*args, **kwargs)
        cached_counts.invalidate(type(self), self.practice_id)
        return deleted
