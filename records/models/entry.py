"""What the entries of the clinical record have in common: notes, medical records, plans of care, files."""

from typing import Any, ClassVar, Self

from accounts.models import User
from accounts.roles import Permission
from core.soft_delete import SoftDeletable
from patients.models import EncounterQuerySet
from patients.restriction import closed_to
from records.models.version import Version


class EntryQuerySet(EncounterQuerySet):
    read_all, read_own = Permission.READ_RECORDS, Permission.READ_OWN_RECORDS

    def readable_by(self, user: User) -> Self:
        """Those that this person's role reads, of charts that may be closed to them: whoever asks for one such is
        told that its chart is, and a list does not show it."""
        return super().visible_to(user)

    def visible_to(self, user: User) -> Self:
        """Without those of the charts that are closed to this person."""
        return self.readable_by(user).exclude(patient__in=closed_to(user).values("pk"))


class Amendable(SoftDeletable):
    """An entry that changes by amendments alone once it is written, and of which every version is kept
    (records/versions.py). It has a `patient`, a `doctor` who wrote it, a `version` and `amended_at`."""

    versions: ClassVar[Any]

    class Meta(SoftDeletable.Meta):
        abstract = True

    def content(self) -> dict[str, Any]:
        """What a version keeps of it: everything an amendment may change, by its name in the API and as JSON has it.
        Raises DecryptionError."""
        raise NotImplementedError

    def unwritten_versions(self) -> list[Version]:
        """The versions of one that has no row of them yet, unsaved."""
        return []
