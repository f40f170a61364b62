"""Amending entries of the clinical record and keeping what they said before (docs/adr/0017): the same for session
notes, medical records and plans of care. `version` counts the saves of an entry and shows whether a writer has read its
current state; the `number` of a version counts the versions kept."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import log
from audit.events import AuditEvent
from core.errors import CHANGED_MEANWHILE, Forbidden, NotFound, Refusal, Sentence, StaleVersion
from core.permissions import Permission
from patients.restriction.services import check_access, emergency_details
from patients.services import lock_chart
from records.models import Version
from records.models.entry import Amendable

NOTHING_CHANGED = _("No changes to save.")
NOT_AUTHOR = _("Only the author can amend this. Another doctor can once the author no longer works here.")
UNREADABLE = "unreadable"  # the key of a content that cannot be decrypted

Entry = TypeVar("Entry", bound=Amendable)


class ComparedVersion(NamedTuple):
    """A version, and the one it is compared with; None for the first."""

    version: Version
    before: Version | None

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        return differences(self.before.content, self.version.content) if self.before else {}  # type: ignore[attr-defined]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return changes such as `{"plan": {"before": "Rest", "after": "Rest, ice"}}`. If one side cannot be decrypted,
    only that is reported, as its texts are not known to be empty. A field that the older version did not store is not a
    change."""
    if UNREADABLE in before or UNREADABLE in after:
        before, after = ({UNREADABLE: content.get(UNREADABLE)} for content in (before, after))
    return {
        name: {"before": before[name], "after": after[name]}
        for name in after
        if name in before and before[name] != after[name]
    }


def get_entry(model: type[Entry], *, by: User, pk: UUID, for_update: bool = False) -> Entry:
    """Return the entry with its people; `for_update` locks it. Raises NotFound, and Forbidden if the chart is closed to
    `by`."""
    entries: Any = model.objects.readable_by(by).with_people()
    if for_update:
        entries = entries.select_for_update(of=("self",))
    entry: Entry = entries.get_or_refuse(pk=pk)
    check_access(by, entry.patient)  # type: ignore[attr-defined]
    return entry


def lock_chart_for(model: type[Entry], *, by: User, pk: UUID) -> None:
    """Lock the entry's chart before the entry itself, like everything that deletes or moves things in a chart: what the
    entry will refer to cannot disappear meanwhile. Raises NotFound."""
    entries: Any = model.objects.readable_by(by)
    lock_chart(by=by, patient_id=entries.only("patient_id").get_or_refuse(pk=pk).patient_id)


def check_version(entry: Any, expected: int, shape: Callable[[Any], Mapping[str, Any]]) -> None:
    """Raise StaleVersion, with the current entry, unless a locked entry has the version `expected`."""
    if entry.version != expected:
        raise StaleVersion(CHANGED_MEANWHILE, current=shape(entry))


def save_version(entry: Amendable, *, by: User, reason: str = "") -> Version:
    """Save the current content of a locked entry as its next version."""
    number = entry.versions.count() + 1
    version: Version = entry.versions.create(number=number, author=by, content=entry.content(), reason=reason)
    return version


@contextmanager
def amendment(
    entry: Any, *, by: User, expected: int, reason: str, shape: Callable[[Any], Mapping[str, Any]]
) -> Iterator[None]:
    """Wrap the changes to a locked entry in a transaction, save it and keep a new version. Raises Forbidden unless `by`
    may amend it, StaleVersion, and Refusal if nothing changes."""
    if entry.has_one_author:
        check_author(by, entry.doctor, NOT_AUTHOR)
    check_version(entry, expected, shape)
    first = [] if entry.versions.exists() else entry.implicit_versions()
    before = entry.content()
    yield
    changed = differences(before, entry.content())
    if not changed:
        raise Refusal(NOTHING_CHANGED)
    entry.version, entry.amended_at = entry.version + 1, timezone.now()
    entry.save()
    for version in first:
        version.save()
    save_version(entry, by=by, reason=reason)
    log_event(AuditEvent.AMENDED, entry, fields=sorted(changed))


def may_write_for(by: User, author: User) -> bool:
    """Return whether `by` may write for the author: the author, or any doctor once the author has left or has another
    role."""
    author_can = author.is_active and author.can(Permission.WRITE_RECORDS)
    return by.pk == author.pk or not author_can


def check_author(by: User, author: User, refusal: Sentence) -> None:
    """Raise Forbidden with this message for anyone who may not write for the author."""
    if not may_write_for(by, author):
        raise Forbidden(refusal)


def log_event(kind: AuditEvent, entry: Any, **details: Any) -> None:
    """Log an event of the entry, with the emergency access that allowed it. `details` holds field names, never
    texts."""
    log.record(
        kind,
        practice_id=entry.practice_id,
        patients=entry.about_patients(),
        about=entry._meta.label,
        about_id=entry.pk,
        **details,
        **emergency_details([entry.patient]),
    )


def list_versions(entry: Amendable) -> list[ComparedVersion]:
    """Return every version of the entry, oldest first."""
    versions = list(entry.versions.with_author().order_by("number")) or entry.implicit_versions()
    return [ComparedVersion(*pair) for pair in zip(versions, [None, *versions], strict=False)]


def get_version(entry: Amendable, number: int, against: int | None = None) -> ComparedVersion:
    """Return the version of this number, compared with `against` or the previous one. Raises NotFound."""
    against = number - 1 if against is None else against
    wanted = Q(number=number) | Q(number=against)
    found = list(entry.versions.with_author().filter(wanted)) or entry.implicit_versions()
    by_number: dict[int, Version] = {version.number: version for version in found}
    if number not in by_number or (against and against not in by_number):
        raise NotFound(_("Version not found."), about=entry._meta.label, about_id=entry.pk)
    return ComparedVersion(by_number[number], by_number.get(against))
