"""What the entries of the clinical record have in common: notes, medical records, plans of care, files."""

from typing import Any, ClassVar, Self

from accounts.models import User
from core.permissions import Permission
from core.tenancy.soft_delete import SoftDeletable
from patients.models import EncounterQuerySet
from patients.restriction.services import inaccessible_to
from records.models.version import Version


class EntryQuerySet(EncounterQuerySet):
    read_all, read_own = Permission.READ_RECORDS, Permission.READ_OWN_RECORDS

    def readable_by(self, user: User) -> Self:
        """Return the entries that this person's role may read, including those of charts closed to them: asking for one
        of these is answered that the chart is closed, and lists do not show them."""
        return super().visible_to(user)

    def visible_to(self, user: User) -> Self:
        """Return the readable entries without those of charts closed to this person."""
        return self.readable_by(user).exclude(patient__in=inaccessible_to(user).values("pk"))


class Amendable(SoftDeletable):
    """An entry that, once written, changes only by amendment, and of which every version is kept
    (records/versions/services.py). It has a `patient`, a `doctor` who wrote it, a `version` and `amended_at`."""

    versions: ClassVar[Any]
    has_one_author: ClassVar[bool] = True  # who alone amends it; else everybody who may write

    class Meta(SoftDeletable.Meta):
        abstract = True

    def content(self) -> dict[str, Any]:
        """Return what a version stores: everything that an amendment may change, by API name and as JSON values. Raises
        DecryptionError."""
        raise NotImplementedError

    def implicit_versions(self) -> list[Version]:
        """Return unsaved versions for an entry that has no version rows yet."""
        return []
