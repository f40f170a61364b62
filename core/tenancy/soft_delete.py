"""Soft deletion (docs/adr/0019): `objects` leaves out deleted rows, `with_deleted` includes them.

Rows are deleted and restored by patients/deletion/services.py.
"""

from functools import cache
from graphlib import TopologicalSorter
from typing import Any, ClassVar

from django.apps import apps
from django.db import models

from core.cache import cached_counts
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from core.tenancy.scope import current_practice_id


class NotDeletedManager(PracticeManager):
    """Leaves out deleted rows. The first base of the `objects` manager of a SoftDeletable."""

    def base_queryset(self) -> PracticeQuerySet:
        not_deleted: PracticeQuerySet = super().base_queryset().filter(deletion=None)
        return not_deleted


class SoftDeletable(PracticeModel):
    """A model with soft deletion. `deletion` is the act that deleted the row; what one act deleted is restored
    together.

    A subclass defines two managers: `objects`, based on NotDeletedManager, and `with_deleted`.
    """

    deletion = models.ForeignKey(
        "patients.Deletion", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    with_deleted: ClassVar[PracticeManager]

    class Meta(PracticeModel.Meta):
        abstract = True


@cache
def soft_deletable_models() -> "list[type[SoftDeletable]]":
    """Return all such models; those that refer to others come first, so that rows can be removed in this order."""
    found = sorted((model for model in apps.get_models() if issubclass(model, SoftDeletable)), key=str)
    named: dict[type[SoftDeletable], list[Any]] = {
        model: [other for other in found if other is not model and _refers_to(model, other)] for model in found
    }
    return list(TopologicalSorter(named).static_order())[::-1]


def _refers_to(model: type[models.Model], other: type[models.Model]) -> bool:
    return any(field.related_model is other for field in model._meta.fields)


def set_deletion(rows: PracticeQuerySet, deletion: Any) -> int:
    """Mark these rows as deleted by this deletion, or as not deleted (None), and return their number.

    `updated_at` stays. No audit event is recorded here: the services that delete and restore record their own.
    """
    changed = models.QuerySet.update(rows, deletion=deletion)
    cached_counts.invalidate(rows.model, current_practice_id())
    return changed
