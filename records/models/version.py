"""What a clinical entry said at one time. A version is written once; only the key it is encrypted under changes."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

from core.tenancy import PracticeManager, PracticeModel, PracticeQuerySet


class VersionQuerySet(PracticeQuerySet):
    def update(self, **values: Any) -> int:
        if values.keys() <= {"practice", "practice_id"}:
            return super().update(**values)  # which refuses it too, for its own reason
        raise FieldError("A version stays as it was written.")

    def with_author(self) -> "VersionQuerySet":
        return self.select_related("author")


class VersionManager(PracticeManager.from_queryset(VersionQuerySet)):  # type: ignore[misc]
    pass


class Version(PracticeModel):
    """`number` counts from 1. `content` holds the entry's texts by their names in the API. `created_at` and `author`
    tell who wrote it when, `reason` why (not of the first). Those who write it tell the trail of the entry itself."""

    number = models.PositiveIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    audited = False

    objects: ClassVar[VersionManager] = VersionManager()

    class Meta(PracticeModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"Version {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise FieldError("A version stays as it was written.")
        super().save(*args, **kwargs)
