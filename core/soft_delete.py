"""Rows that are hidden before they are removed (docs/adr/0019): `objects` does not know a hidden one, `with_deleted`
does. Who hides and restores them, and why, is told by patients/deletions.py."""

from datetime import datetime
from typing import ClassVar

from django.db import models

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

    @property
    def kept_since(self) -> datetime | None:
        """When the practice's years of retention begin for this row; None where it is no clinical record."""
        return None

    def erase(self) -> None:
        """Called before the row is purged for good, in no transaction and possibly once more after a failure: remove
        what it holds outside the database. Raises whatever keeps that from being done."""
