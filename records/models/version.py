"""What a clinical entry said at one time. A version is written once; only its encryption key changes."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel


class VersionQuerySet(PracticeQuerySet):
    def update(self, **values: Any) -> int:
        if values.keys() <= {"practice", "practice_id"}:
            return super().update(**values)  # which raises as well, for its own reason
        raise FieldError("A version cannot be changed.")

    def with_author(self) -> "VersionQuerySet":
        return self.select_related("author")


class VersionManager(PracticeManager.from_queryset(VersionQuerySet)):  # type: ignore[misc]
    pass


class Version(PracticeModel):
    """`number` counts from 1. `content` holds the entry's texts by API name. `author`, `created_at` and `reason` (empty
    for the first) record who wrote it, when and why. The code that writes a version logs the event of the entry
    itself."""

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
            raise FieldError("A version cannot be changed.")
        super().save(*args, **kwargs)
