"""Rows that two people may change at the same desk: whoever saves says which version they have read, and a stale one is
refused. Of the API that is core/api/versioned.py."""

from typing import Any, ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.errors import CHANGED_MEANWHILE, StaleVersion
from core.tenancy.models import PracticeModel


class VersionedModel(PracticeModel):
    """`version` increases by one with each save that changes something, and with each update of a queryset."""

    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    counts_changes = True
    unlogged_fields: ClassVar = {"version"}  # it changes with any other
    _as_loaded: tuple[Any, Any] = ((), ())  # names and values

    class Meta(PracticeModel.Meta):
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **more: Any) -> Self:
        row = super().from_db(db, field_names, values, **more)
        row._as_loaded = (field_names, values)
        return row

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and self._differs():
            self.count_change()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "version"}
        super().save(*args, **kwargs)
        names = [field.attname for field in self._meta.concrete_fields if field.attname in self.__dict__]
        self._as_loaded = (names, [self.__dict__[name] for name in names])

    def _differs(self) -> bool:
        # a value that cannot be decrypted is not there, and stays as it is
        return any(
            name in self.__dict__ and self.__dict__[name] != was for name, was in zip(*self._as_loaded, strict=True)
        )

    def count_change(self) -> None:
        """Count a change, once for each time that the row is saved; of what belongs to it, too, such as the doctors who
        offer a type."""
        if self.version == dict(zip(*self._as_loaded, strict=True)).get("version", self.version):
            self.version += 1

    def check_version(self, expected: int | None) -> None:
        """Raise StaleVersion if the caller has read another version; the view adds how it is now. The row is locked."""
        if expected is not None and expected != self.version:
            raise StaleVersion(CHANGED_MEANWHILE)
