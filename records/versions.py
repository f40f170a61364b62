"""Amending entries of the clinical record, and what they said before (docs/adr/0017): one way for session notes,
medical records and plans of care. `version` counts the saves of an entry and tells who wants to change it whether they
have read what it says now; the `number` of a version counts what was kept.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from audit import trail
from audit.events import Kind
from core.errors import Forbidden, Missing, Refusal, Stale
from patients.restriction import check_open, emergencies
from patients.services import held_chart
from records.models import Version
from records.models.entry import Amendable

CHANGED_MEANWHILE = "This has been changed since you read it. Please look at it as it is now, and save again."
NOTHING_CHANGED = "Nothing would be changed by this."
NOT_THEIRS = "Only its author amends this; another doctor does when the author no longer works here."
UNREADABLE = "unreadable"  # the key of a content that cannot be decrypted

Entry = TypeVar("Entry", bound=Amendable)


class Compared(NamedTuple):
    """A version, and the one it is held against; none for the first."""

    version: Version
    before: Version | None

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        return differences(self.before.content, self.version.content) if self.before else {}  # type: ignore[attr-defined]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"plan": {"before": "Rest", "after": "Rest, ice"}}`. Where one cannot be decrypted, that alone is told: its
    texts are not known to be empty. Nor is a field of which the older one kept nothing told as changed."""
    if UNREADABLE in before or UNREADABLE in after:
        before, after = ({UNREADABLE: content.get(UNREADABLE)} for content in (before, after))
    return {
        name: {"before": before[name], "after": after[name]}
        for name in after
        if name in before and before[name] != after[name]
    }


def opened(model: type[Entry], *, by: User, pk: UUID, to_change: bool = False) -> Entry:
    """The entry as this person may see it, with its people; `to_change` locks it. Raises Missing, and Restricted for a
    chart that is closed to them."""
    entries: Any = model.objects.readable_by(by).with_people()
    if to_change:
        entries = entries.select_for_update(of=("self",))
    entry: Entry = entries.found(pk=pk)
    check_open(by, entry.patient)  # type: ignore[attr-defined]
    return entry


def hold_chart_of(model: type[Entry], *, by: User, pk: UUID) -> None:
    """Before the entry itself is locked, as everybody does who deletes or moves what is in a chart: what the entry is
    to name does not go meanwhile. Raises Missing."""
    entries: Any = model.objects.readable_by(by)
    held_chart(by=by, patient_id=entries.only("patient_id").found(pk=pk).patient_id)


def check_version(entry: Any, expected: int, shape: Callable[[Any], Mapping[str, Any]]) -> None:
    """Raises Stale, with the entry as it is now, unless `expected` is what a locked entry says now."""
    if entry.version != expected:
        raise Stale(CHANGED_MEANWHILE, current=shape(entry))


def keep(entry: Amendable, *, by: User, reason: str = "") -> Version:
    """What a locked entry says now, as its next version."""
    number = entry.versions.count() + 1
    version: Version = entry.versions.create(number=number, author=by, content=entry.content(), reason=reason)
    return version


@contextmanager
def amendment(
    entry: Any, *, by: User, expected: int, reason: str, shape: Callable[[Any], Mapping[str, Any]]
) -> Iterator[None]:
    """Inside a transaction, around the changes to a locked entry, which it saves and keeps as a new version. Raises
    Forbidden unless `by` may amend it, Stale, and Refusal where nothing is changed."""
    check_author(by, entry.doctor, NOT_THEIRS)
    check_version(entry, expected, shape)
    first = [] if entry.versions.exists() else entry.unwritten_versions()
    before = entry.content()
    yield
    changed = differences(before, entry.content())
    if not changed:
        raise Refusal(NOTHING_CHANGED)
    entry.version, entry.amended_at = entry.version + 1, timezone.now()
    entry.save()
    for version in first:
        version.save()
    keep(entry, by=by, reason=reason)
    tell(Kind.AMENDED, entry, fields=sorted(changed))


def may_write_for(by: User, author: User) -> bool:
    """The author; any doctor once the author can do so no more, having left or having got another role."""
    author_can = author.is_active and author.can(Permission.WRITE_RECORDS)
    return by.pk == author.pk or not author_can


def check_author(by: User, author: User, refusal: str) -> None:
    """Raises Forbidden, with that sentence, for who may not write in what the author began."""
    if not may_write_for(by, author):
        raise Forbidden(refusal)


def tell(kind: Kind, entry: Any, **details: Any) -> None:
    """In the trail, also by which emergency access it was possible. `details` holds names of fields, never texts."""
    trail.record(
        kind,
        practice_id=entry.practice_id,
        patients=entry.about_patients(),
        about=entry._meta.label,
        about_id=entry.pk,
        **details,
        **emergencies([entry.patient]),
    )


def listed(entry: Amendable) -> list[Compared]:
    """Every version of the entry, the first one first."""
    versions = list(entry.versions.with_author().order_by("number")) or entry.unwritten_versions()
    return [Compared(*pair) for pair in zip(versions, [None, *versions], strict=False)]


def one(entry: Amendable, number: int, against: int | None = None) -> Compared:
    """The version of this number, held against another one, else against the one before it. Raises Missing."""
    against = number - 1 if against is None else against
    wanted = Q(number=number) | Q(number=against)
    found = list(entry.versions.with_author().filter(wanted)) or entry.unwritten_versions()
    by_number: dict[int, Version] = {version.number: version for version in found}
    if number not in by_number or (against and against not in by_number):
        raise Missing("There is no such version.", about=entry._meta.label, about_id=entry.pk)
    return Compared(by_number[number], by_number.get(against))
