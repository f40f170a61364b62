"""Rows that are hidden before they are removed (docs/adr/0019): `objects` does not know a hidden one, `with_deleted`
does. Who hides and restores them, and why, is told by patients/deletions.py."""

from functools import cache
from graphlib import TopologicalSorter
from typing import Any, ClassVar

from django.apps import apps
from django.db import models

from core import totals
from core.scope import current_practice_id
from core.tenancy import PracticeManager, PracticeModel, PracticeQuerySet


class LivingOnly(PracticeManager):
    """First among the bases of the `objects` of such a model."""

    def start(self) -> PracticeQuerySet:
        living: PracticeQuerySet = super().start().filter(deletion=None)
        return living


class SoftDeletable(PracticeModel):
    """`deletion` is the act that has hidden the row; what one act has hidden comes back together.

    A model of this kind names two managers: `objects`, which is LivingOnly, and `with_deleted`.
    """

    deletion = models.ForeignKey(
        "patients.Deletion", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    with_deleted: ClassVar[PracticeManager]

    class Meta(PracticeModel.Meta):
        abstract = True

    def erase(self) -> None:
        """Called before the row is purged for good, in no transaction and possibly once more after a failure: remove
        what it holds outside the database. Raises whatever keeps that from being done."""


@cache
def soft_deletable_models() -> "list[type[SoftDeletable]]":
    """All there are; those that name others come before them, so that rows can be removed in this order."""
    found = sorted((model for model in apps.get_models() if issubclass(model, SoftDeletable)), key=str)
    named: dict[type[SoftDeletable], list[Any]] = {
        model: [other for other in found if other is not model and _names(model, other)] for model in found
    }
    return list(TopologicalSorter(named).static_order())[::-1]


def _names(model: type[models.Model], other: type[models.Model]) -> bool:
    return any(field.related_model is other for field in model._meta.fields)


def set_deletion(rows: PracticeQuerySet, deletion: Any) -> int:
    """Hide these rows by this deletion, or with None show them again; how many there were. They stay as they were last
    changed, and the trail has it from those who delete and restore, in words of their own."""
    changed = models.QuerySet.update(rows, deletion=deletion)
    totals.forget(rows.model, current_practice_id())
    return changed
