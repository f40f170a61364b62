"""Removing for good what was deleted (docs/adr/0019): rows, versions, files, and with a chart its search index and the
patient's account.

One deletion at a time, in two transactions with the files between them. The first looks, under the chart's lock, for
whatever stands against it, and marks the point of no return. Then files are removed from the storage, which may fail:
the deletion stays, and the next run goes on with it. The second removes the rows, the deletion, and tells the trail of
it. A run that is killed anywhere has therefore lost track of nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from auditlog.context import disable_auditlog
from django.conf import settings
from django.db import transaction
from django.db.models import PROTECT, ForeignObjectRel, ProtectedError
from django.utils import timezone

from accounts import sessions
from accounts.models import Ending, User
from accounts.roles import Role
from audit import trail
from audit.events import Kind
from core.errors import Missing
from core.soft_delete import SoftDeletable, set_deletion, soft_deletable_models
from core.tenancy import practice_scope
from patients.deletions import hold_chart_of
from patients.models import Deletion, EmergencyAccess, LegalHold, Patient
from patients.retention import kept_until
from practices.models import Practice

IDS_TOLD = 1000  # in one event
# Rows that name a chart and go with it, and are nothing that anybody deletes by itself.
GO_WITH_A_CHART = {EmergencyAccess}

log = structlog.get_logger("praxis.purge")


class Fate(StrEnum):
    REMOVED = "removed"
    KEPT = "kept"  # for the practice's years of retention
    ON_HOLD = "on hold"
    NAMED = "named by what is kept"
    FAILED = "failed"
    SETTLED = "settled"  # restored, or removed by another run, before this one came to it


@dataclass
class Tally:
    """What became of one practice's deletions. `rows` are those that were removed (of a dry run: would be);
    `next_at` is when the first of those kept for retention may go; `named` are the deletions whose rows something
    kept names."""

    fates: Counter[Fate] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    next_at: datetime | None = None
    named: list[UUID] = field(default_factory=list)

    def add(self, pk: UUID, fate: Fate, rows: dict[str, int], until: datetime | None) -> None:
        self.fates[fate] += 1
        if fate == Fate.REMOVED:
            self.rows.update(rows)
        if fate == Fate.NAMED:
            self.named.append(pk)
        if until is not None:
            self.next_at = min(until, self.next_at or until)


class Purge:
    """Of one practice. `tally` holds what was done so far."""

    def __init__(self, practice: Practice, *, dry_run: bool, batch: int) -> None:
        self.practice, self.dry_run, self.batch = practice, dry_run, batch
        self.tally = Tally()
        self._gone: dict[UUID, set[UUID]] = {}  # what a dry run takes for removed, by the chart

    def count(self) -> int:
        with practice_scope(self.practice.pk):
            return _over().count()

    def run(self) -> Iterator[None]:
        """Yields after each deletion. Those of what names others come first, so that one run removes both."""
        for model in soft_deletable_models():
            for pk in self._over(model._meta.label):
                with practice_scope(self.practice.pk):
                    self.tally.add(pk, *self._settle(pk))
                yield

    def _over(self, about: str) -> Iterator[UUID]:
        """In batches, so that a run over very many holds none but a few."""
        last = UUID(int=0)
        while True:
            with practice_scope(self.practice.pk):
                after = _over().filter(about=about, pk__gt=last).order_by("pk")
                ids = list(after.values_list("pk", flat=True)[: self.batch])
            if not ids:
                return
            yield from ids
            last = ids[-1]

    def _settle(self, pk: UUID) -> tuple[Fate, dict[str, int], datetime | None]:
        with transaction.atomic():
            deletion = _held(pk)
            if deletion is None:
                return Fate.SETTLED, {}, None
            gone = self._gone.setdefault(deletion.patient_id, set())
            fate, until = _fate_of(deletion, gone)
            if fate == Fate.REMOVED and not self.dry_run and deletion.purge_began_at is None:
                deletion.purge_began_at = timezone.now()
                deletion.save(update_fields={"purge_began_at", "updated_at"})
        if fate != Fate.REMOVED:
            return fate, {}, until
        rows = {model._meta.label: len(ids) for model, ids in _ids(deletion).items() if ids}
        if self.dry_run:
            gone.add(pk)
            return fate, rows, None
        return _remove(deletion), rows, None


def _over() -> Any:
    """The deletions whose time to be restored is over."""
    return Deletion.objects.filter(created_at__lte=timezone.now() - timedelta(days=settings.RESTORE_DAYS))


def _held(pk: UUID) -> Deletion | None:
    """The deletion under the lock of its chart; None where it was restored or removed meanwhile."""
    patient_id = Deletion.objects.filter(pk=pk).values_list("patient_id", flat=True).first()
    try:
        hold_chart_of(patient_id)
    except Missing:  # with the deletion
        return None
    held: Deletion | None = Deletion.objects.select_related("practice").filter(pk=pk, patient=patient_id).first()
    return held


def _ids(deletion: Deletion) -> dict[type[SoftDeletable], list[UUID]]:
    return {model: list(_hidden(model, deletion).values_list("pk", flat=True)) for model in soft_deletable_models()}


def _hidden(model: type[SoftDeletable], deletion: Deletion) -> Any:
    return model.with_deleted.filter(deletion=deletion).order_by("pk")


# --- What stands against it -------------------------------------------------------------------------------------------


def _fate_of(deletion: Deletion, gone: set[UUID]) -> tuple[Fate, datetime | None]:
    """`gone` are deletions that a dry run takes for removed. What has begun is finished: its files may be gone."""
    if deletion.purge_began_at is not None:
        return Fate.REMOVED, None
    if LegalHold.objects.filter(patient=deletion.patient_id).exists():
        return Fate.ON_HOLD, None
    until = kept_until([deletion]).get(deletion.pk)
    if until is not None and until > timezone.now():
        return Fate.KEPT, until
    return (Fate.NAMED if _is_named(deletion, {deletion.pk, *gone}) else Fate.REMOVED), None


def _is_named(deletion: Deletion, going: set[UUID]) -> bool:
    """Whether a row that stays names one of those that would go."""
    return any(
        _staying(relation.related_model, going)
        .filter(**{f"{relation.field.name}__in": _hidden(model, deletion).values("pk")})
        .exists()
        for model in soft_deletable_models()
        for relation in _protecting(model)
    )


def _protecting(model: type[SoftDeletable]) -> Iterator[ForeignObjectRel]:
    """By what a row of this model is kept from being removed while it is named."""
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.related_model in GO_WITH_A_CHART:
            continue
        if relation.on_delete is PROTECT:
            yield relation


def _staying(model: Any, going: set[UUID]) -> Any:
    if model is Deletion:
        return Deletion.objects.exclude(pk__in=going)
    if issubclass(model, SoftDeletable):
        return model.with_deleted.exclude(deletion__in=going)
    return model.objects.all()


# --- Removing ---------------------------------------------------------------------------------------------------------


def _remove(deletion: Deletion) -> Fate:
    try:
        _erase(deletion)
        return _remove_rows(deletion)
    except Exception:  # whatever the storage raises: the others are not to wait for this one
        log.exception("not_purged", deletion=str(deletion.pk))
        return Fate.FAILED


def _erase(deletion: Deletion) -> None:
    """What is outside the database. In no transaction, for it may take long."""
    for model in soft_deletable_models():
        if model.erase is not SoftDeletable.erase:
            for row in _hidden(model, deletion).iterator(chunk_size=100):
                row.erase()


@transaction.atomic
def _remove_rows(deletion: Deletion) -> Fate:
    if _held(deletion.pk) is None:
        return Fate.SETTLED
    ids = {model._meta.label: keys for model, keys in _ids(deletion).items()}
    counts: Counter[str] = Counter()
    with disable_auditlog():  # one event tells of them all
        for model in soft_deletable_models():
            if model is not Patient:
                counts.update(_hidden(model, deletion).delete()[1])
        charts = ids[Patient._meta.label]
        accounts = _accounts_of(charts)
        set_deletion(Patient.with_deleted.filter(pk__in=charts), None)  # each names the other
        Deletion.objects.filter(pk=deletion.pk).delete()
        if charts:
            counts.update(_remove_charts(charts))
            ids[User._meta.label] = [account.pk for account in accounts if _remove_account(account)]
    _tell(deletion, counts, ids)
    return Fate.REMOVED


def _accounts_of(charts: list[UUID]) -> list[User]:
    """Of the patients. Who works in the practice keeps their account."""
    return list(User.objects.filter(chart__in=charts, role=Role.PATIENT)) if charts else []


def _remove_charts(charts: list[UUID]) -> Counter[str]:
    counts: Counter[str] = Counter()
    rows = Patient.with_deleted.filter(pk__in=charts)
    for model in GO_WITH_A_CHART:
        counts.update(model.objects.filter(patient__in=charts).delete()[1])
    counts.update(rows.exclude(merged_into=None).delete()[1])
    counts.update(rows.delete()[1])
    return counts


def _remove_account(account: User) -> bool:
    """Not that of somebody who has worked here: their name signs what they wrote."""
    try:
        with transaction.atomic():
            sessions.end_all(user=account, by=None, ending=Ending.ENDED_BY_ADMIN)
            account.delete()
    except ProtectedError:
        return False
    return True


def _tell(deletion: Deletion, counts: Counter[str], ids: dict[str, list[UUID]]) -> None:
    """`rows` counts all that went, with versions and goals; `ids` names what was deleted, in parts."""
    named = [(label, pk) for label, keys in ids.items() for pk in keys]
    for start in range(0, len(named), IDS_TOLD):
        part: dict[str, list[UUID]] = {}
        for label, pk in named[start : start + IDS_TOLD]:
            part.setdefault(label, []).append(pk)
        details: dict[str, Any] = {"ids": part, **({} if start else {"rows": dict(counts)})}
        trail.record(
            Kind.PURGED,
            practice_id=deletion.practice_id,
            patients=[deletion.patient_id],
            about=deletion.about,
            about_id=deletion.about_id,
            **details,
        )
