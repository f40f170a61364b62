"""Permanently remove what was deleted (docs/adr/0019): rows, versions and files, and with a chart the patient's
account.

Each deletion takes two transactions. The first locks the chart, checks whether anything prevents the purge, and sets
`purge_began_at`. Then the files are removed from storage; if that fails, the deletion stays and the next run continues
with it. The second transaction removes the rows and the deletion and logs the event. So a run can be killed at any
point without losing track of anything.
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

from accounts.models import RevocationReason, User
from accounts.roles import Role
from accounts.sessions import services as sessions
from audit import log as audit_log
from audit.events import AuditEvent
from core.errors import NotFound
from core.tenancy.scope import practice_scope
from core.tenancy.soft_delete import SoftDeletable, set_deletion, soft_deletable_models
from patients.deletion.retention import kept_until
from patients.deletion.services import DELETABLES, lock_chart_with_deleted
from patients.models import ChartMerge, Deletion, EmergencyAccess, LegalHold, Patient
from practices.models import Practice

BATCH = 100  # deletions loaded at once
MAX_IDS_PER_EVENT = 1000
# Models that refer to a chart, are removed with it and cannot be deleted on their own.
PURGED_WITH_CHART = {EmergencyAccess, ChartMerge}

log = structlog.get_logger("praxis.purge")


class PurgeOutcome(StrEnum):
    REMOVED = "removed"
    KEPT = "kept"  # for the practice's record retention
    ON_HOLD = "on hold"
    REFERENCED = "referenced by kept rows"
    FAILED = "failed"
    SKIPPED = "skipped"  # restored, or removed by another run, in the meantime


@dataclass
class Tally:
    """The results for one practice. `rows` counts the removed rows (in a dry run, those that would be), `next_at` is
    when the first record kept for retention may be removed, `referenced` are deletions whose rows are referenced by
    kept rows."""

    outcomes: Counter[PurgeOutcome] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    next_at: datetime | None = None
    referenced: list[UUID] = field(default_factory=list)

    def add(self, pk: UUID, outcome: PurgeOutcome, rows: dict[str, int], until: datetime | None) -> None:
        self.outcomes[outcome] += 1
        if outcome == PurgeOutcome.REMOVED:
            self.rows.update(rows)
        if outcome == PurgeOutcome.REFERENCED:
            self.referenced.append(pk)
        if until is not None:
            self.next_at = min(until, self.next_at or until)


class Purge:
    """A purge of one practice; `tally` holds the results so far."""

    def __init__(self, practice: Practice, *, dry_run: bool, batch: int) -> None:
        self.practice, self.dry_run, self.batch = practice, dry_run, batch
        self.tally = Tally()
        self._assumed_purged: dict[UUID, set[UUID]] = {}  # by chart; in a dry run

    def count(self) -> int:
        with practice_scope(self.practice.pk):
            return _due().count()

    def run(self) -> Iterator[None]:
        """Purge and yield after each deletion. Rows that refer to others come first, so that one run removes both."""
        for model in soft_deletable_models():
            for pk in self._due(model._meta.label):
                with practice_scope(self.practice.pk):
                    self.tally.add(pk, *self._process(pk))
                yield

    def _due(self, about: str) -> Iterator[UUID]:
        """Yield deletion ids, loaded in batches."""
        last = UUID(int=0)
        while True:
            with practice_scope(self.practice.pk):
                after = _due().filter(about=about, pk__gt=last).order_by("pk")
                ids = list(after.values_list("pk", flat=True)[: self.batch])
            if not ids:
                return
            yield from ids
            last = ids[-1]

    def _process(self, pk: UUID) -> tuple[PurgeOutcome, dict[str, int], datetime | None]:
        with transaction.atomic():
            deletion = _lock_deletion(pk)
            if deletion is None:
                return PurgeOutcome.SKIPPED, {}, None
            assumed_purged = self._assumed_purged.setdefault(deletion.patient_id, set())
            outcome, until = _outcome_of(deletion, assumed_purged)
            if outcome == PurgeOutcome.REMOVED and not self.dry_run and deletion.purge_began_at is None:
                deletion.purge_began_at = timezone.now()
                deletion.save(update_fields={"purge_began_at", "updated_at"})
        if outcome != PurgeOutcome.REMOVED:
            return outcome, {}, until
        rows = {model._meta.label: len(ids) for model, ids in _ids_by_model(deletion).items() if ids}
        if self.dry_run:
            assumed_purged.add(pk)
            return outcome, rows, None
        return _remove(deletion), rows, None


def _due() -> Any:
    """Return the deletions that can no longer be restored."""
    return Deletion.objects.filter(created_at__lte=timezone.now() - timedelta(days=settings.RESTORE_DAYS))


def _lock_deletion(pk: UUID) -> Deletion | None:
    """Lock the chart and return the deletion; None if it was restored or removed in the meantime."""
    patient_id = Deletion.objects.filter(pk=pk).values_list("patient_id", flat=True).first()
    try:
        lock_chart_with_deleted(patient_id)
    except NotFound:  # removed together with the deletion
        return None
    locked: Deletion | None = Deletion.objects.select_related("practice").filter(pk=pk, patient=patient_id).first()
    return locked


def _ids_by_model(deletion: Deletion) -> dict[type[SoftDeletable], list[UUID]]:
    return {
        model: list(_hidden_rows(model, deletion).values_list("pk", flat=True)) for model in soft_deletable_models()
    }


def _hidden_rows(model: type[SoftDeletable], deletion: Deletion) -> Any:
    return model.with_deleted.filter(deletion=deletion).order_by("pk")


# --- Checks -----------------------------------------------------------------------------------------------------------


def _outcome_of(deletion: Deletion, assumed_purged: set[UUID]) -> tuple[PurgeOutcome, datetime | None]:
    """Return the outcome for this deletion, and until when it is kept. `assumed_purged` are deletions that a dry run
    would have removed. A purge that has begun is finished, since some files may be gone already."""
    if deletion.purge_began_at is not None:
        return PurgeOutcome.REMOVED, None
    if LegalHold.objects.filter(patient=deletion.patient_id).exists():
        return PurgeOutcome.ON_HOLD, None
    until = kept_until([deletion]).get(deletion.pk)
    if until is not None and until > timezone.now():
        return PurgeOutcome.KEPT, until
    return (
        PurgeOutcome.REFERENCED if _is_referenced(deletion, {deletion.pk, *assumed_purged}) else PurgeOutcome.REMOVED
    ), None


def _is_referenced(deletion: Deletion, purged: set[UUID]) -> bool:
    """Return whether a remaining row refers to a row that would be removed."""
    return any(
        _remaining_rows(relation.related_model, purged)
        .filter(**{f"{relation.field.name}__in": _hidden_rows(model, deletion).values("pk")})
        .exists()
        for model in soft_deletable_models()
        for relation in _protecting_relations(model)
    )


def _protecting_relations(model: type[SoftDeletable]) -> Iterator[ForeignObjectRel]:
    """Yield the relations that protect rows of this model from being removed."""
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.related_model in PURGED_WITH_CHART:
            continue
        if relation.on_delete is PROTECT:
            yield relation


def _remaining_rows(model: Any, purged: set[UUID]) -> Any:
    if model is Deletion:
        return Deletion.objects.exclude(pk__in=purged)
    if issubclass(model, SoftDeletable):
        return model.with_deleted.exclude(deletion__in=purged)
    return model.objects.all()


# --- Removing ---------------------------------------------------------------------------------------------------------


def _remove(deletion: Deletion) -> PurgeOutcome:
    try:
        _erase_external(deletion)
        return _remove_rows(deletion)
    except Exception:  # whatever the storage raises: continue with the others
        log.exception("not_purged", deletion=str(deletion.pk))
        return PurgeOutcome.FAILED


def _erase_external(deletion: Deletion) -> None:
    """Remove what is stored outside the database. Not in a transaction, because it may take long."""
    for model in soft_deletable_models():
        erase = DELETABLES[model._meta.label].erase
        if erase is not None:
            for row in _hidden_rows(model, deletion).iterator(chunk_size=100):
                erase(row)


@transaction.atomic
def _remove_rows(deletion: Deletion) -> PurgeOutcome:
    if _lock_deletion(deletion.pk) is None:
        return PurgeOutcome.SKIPPED
    ids = {model._meta.label: keys for model, keys in _ids_by_model(deletion).items()}
    counts: Counter[str] = Counter()
    with disable_auditlog():  # one event covers them all
        for model in soft_deletable_models():
            if model is not Patient:
                counts.update(_hidden_rows(model, deletion).delete()[1])
        charts = ids[Patient._meta.label]
        accounts = _patient_accounts(charts)
        set_deletion(Patient.with_deleted.filter(pk__in=charts), None)  # chart and deletion refer to each other
        Deletion.objects.filter(pk=deletion.pk).delete()
        if charts:
            counts.update(_remove_charts(charts))
            ids[User._meta.label] = [account.pk for account in accounts if _remove_account(account)]
    _log_purge(deletion, counts, ids)
    return PurgeOutcome.REMOVED


def _patient_accounts(charts: list[UUID]) -> list[User]:
    """Return the patients' accounts; people who also work in the practice keep theirs."""
    return list(User.objects.filter(chart__in=charts, role=Role.PATIENT)) if charts else []


def _remove_charts(charts: list[UUID]) -> Counter[str]:
    counts: Counter[str] = Counter()
    rows = Patient.with_deleted.filter(pk__in=charts)
    for model in PURGED_WITH_CHART:
        counts.update(model.objects.filter(patient__in=charts).delete()[1])
    counts.update(rows.exclude(merged_into=None).delete()[1])
    counts.update(rows.delete()[1])
    return counts


def _remove_account(account: User) -> bool:
    """Remove the account and return True, unless it is protected because its owner has written records."""
    try:
        with transaction.atomic():
            sessions.end_all(user=account, by=None, reason=RevocationReason.ENDED_BY_ADMIN)
            account.delete()
    except ProtectedError:
        return False
    return True


def _log_purge(deletion: Deletion, counts: Counter[str], ids: dict[str, list[UUID]]) -> None:
    """Log the purge: `rows` counts everything removed, with versions and goals; `ids` are split over several events."""
    referenced = [(label, pk) for label, keys in ids.items() for pk in keys]
    for start in range(0, len(referenced), MAX_IDS_PER_EVENT):
        part: dict[str, list[UUID]] = {}
        for label, pk in referenced[start : start + MAX_IDS_PER_EVENT]:
            part.setdefault(label, []).append(pk)
        details: dict[str, Any] = {"ids": part, **({} if start else {"rows": dict(counts)})}
        audit_log.record(
            AuditEvent.PURGED,
            practice_id=deletion.practice_id,
            patients=[deletion.patient_id],
            about=deletion.about,
            about_id=deletion.about_id,
            **details,
        )
