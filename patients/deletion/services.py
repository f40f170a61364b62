"""Delete (hide) and restore charts and their rows, and legal holds (docs/adr/0019).

Each model registers its rules as a `Deletable`; appointments/deletion_rules.py and records/deletion_rules.py do so for
theirs. All operations lock the chart's row, as does everything that adds rows to a chart, so that nothing is added in
the meantime.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.dispatch import Signal
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context, log
from audit.events import AuditEvent
from core.database.deadlocks import deadlock_as_conflict
from core.database.locks import take_lock
from core.errors import Conflict, Forbidden, Gone, NotFound, Sentence
from core.formats import format_date
from core.permissions import Permission
from core.tenancy.soft_delete import SoftDeletable, set_deletion, soft_deletable_models
from patients.models import Deletion, DeletionQuerySet, LegalHold, Patient
from patients.restriction.services import check_regular_access, resolve_access

BUSY = _("Someone else is changing this chart. Please try again.")
TAKEN = _("Something else has taken its place.")
MOVED = _("It has been moved to another chart. Please try again.")

# Sent in the transaction before `row` is hidden. Receivers in other apps (appointments/, records/) clean up what
# depends on it, or raise a Refusal.
pre_soft_delete = Signal()
post_restore = Signal()  # in the transaction, once `row` is there again


@dataclass(frozen=True)
class Deletable:
    """The deletion rules of a model.

    `name`: its name in the API.
    `permission`: lets a person delete and restore any row of the model; otherwise they get `refusal_message`.
    `is_own`: whether a person may delete this row without that permission.
    `check_restorable`: raises Conflict if the row cannot be restored now.
    `conflict_message`: the error if the database rejects restoring it because something has taken its place.
    `retention_starts_at`: an expression for when a row's retention period starts, or null; None if it is no clinical
    record.
    `parts`: querysets of rows that are hidden and restored with a row; `parts_message` tells the user about them.
    `erase`: removes what a row has stored outside the database. Called before the purge, outside a transaction,
    possibly again after a failure; raises if it does not succeed.
    """

    name: str
    permission: Permission
    refusal_message: Sentence
    is_own: Callable[[Any, User], bool] = lambda row, by: False
    locks: Callable[[Any], Iterable[str]] = lambda row: ()  # taken before a row is restored, and before its chart's
    check_restorable: Callable[[Any], None] = lambda row: None
    conflict_message: Sentence = TAKEN
    retention_starts_at: Any = None
    parts: Callable[[Any], Iterable[Any]] = lambda row: ()
    parts_message: Sentence = ""
    erase: Callable[[Any], None] | None = None


DELETABLES: dict[str, Deletable] = {}  # by the label of the model


def register_deletable(model: type[SoftDeletable], **rules: Any) -> None:
    DELETABLES[model._meta.label] = Deletable(**rules)


def model_label(name: str) -> str:
    return next(label for label, kind in DELETABLES.items() if kind.name == name)


register_deletable(
    Patient,
    name="patient",
    permission=Permission.DELETE_CLINICAL,
    refusal_message=_("Only an office manager can delete a chart."),
    retention_starts_at=F("updated_at"),
)


def delete(*, by: User, row: SoftDeletable, reason: str) -> Deletion:
    """Hide the row, and with a chart everything in it; it can be restored for settings.RESTORE_DAYS.

    Raises NotFound if `by` cannot see the row or it is already hidden, ChartRestricted if `by` has no regular access to
    the chart, Forbidden or Conflict according to the model's rules."""
    model: Any = type(row)
    kind = DELETABLES[model._meta.label]
    with _exclusive():
        chart = _lock_chart_of(row)
        check_regular_access(by, chart)
        row = model.objects.visible_to(by).select_for_update(of=("self",)).get_or_refuse(pk=row.pk)
        _check_belongs_to(chart, row)
        if not (by.can(kind.permission) or kind.is_own(row, by)):
            raise Forbidden(kind.refusal_message)
        pre_soft_delete.send(sender=model, row=row, by=by)
        deletion: Deletion = Deletion.objects.create(
            patient=chart, about=model._meta.label, about_id=row.pk, deleted_by=by, reason=reason
        )
        counts = {part.model._meta.label: set_deletion(part, deletion) for part in _rows_to_hide(row)}
        _log(AuditEvent.SOFT_DELETED, deletion, counts)
    return deletion


def restore(*, by: User, model: type[SoftDeletable], pk: UUID) -> SoftDeletable:
    """Restore the row, and with a chart everything hidden with it.

    The person who deleted it may do this, and anyone who may delete all rows of this model. Raises NotFound for others,
    Gone once it can no longer be restored, Conflict if it is not deleted or cannot be restored now, and ChartRestricted
    like `delete`."""
    kind, rows = DELETABLES[model._meta.label], model.with_deleted
    with _exclusive():
        known = rows.get_or_refuse(pk=pk)
        for name in kind.locks(known):
            take_lock(name)
        chart = _lock_chart_of(known)
        row: SoftDeletable = rows.select_for_update(of=("self",)).get_or_refuse(pk=pk)
        _check_belongs_to(chart, row)
        deletion = _deletion_for(by, row, kind)
        check_regular_access(by, chart)
        if deletion.about_id != row.pk or (chart.deletion_id and chart.pk != row.pk):
            whole = _("chart") if chart.deletion_id else apps.get_model(deletion.about)._meta.verbose_name
            raise Conflict(_("Its %(whole)s is deleted: restore the %(whole)s.") % {"whole": whole})
        if deletion.restorable_until <= timezone.now() or deletion.purge_began_at:
            until = format_date(deletion.restorable_until, deletion.practice.tzinfo)
            raise Gone(_("It could be restored until %(day)s.") % {"day": until})
        kind.check_restorable(row)
        counts = _unhide(deletion)
        _log(AuditEvent.RESTORED, deletion, counts)
        deletion.delete()
        post_restore.send(sender=model, row=row, by=by)
    return row


def deletions_for(user: User) -> DeletionQuerySet:
    """Return the deletions to list, latest first; `on_hold` says whether the chart is on legal hold."""
    if not user.can(Permission.DELETE_CLINICAL):
        return Deletion.objects.none()
    holds = LegalHold.objects.filter(patient=OuterRef("patient"))
    return Deletion.objects.newest_first().with_people().annotate(on_hold=Exists(holds))


# --- Legal holds ------------------------------------------------------------------------------------------------------


def get_hold(*, by: User, patient_id: UUID) -> tuple[Patient, LegalHold | None]:
    """Return the chart, deleted or not, with access resolved for `by`, and its hold. Raises NotFound."""
    chart: Patient = Patient.with_deleted.active().get_or_refuse(pk=patient_id)
    resolve_access(by, [chart])
    # A join would leave out holds placed by a platform superuser.
    hold = chart.legal_holds.prefetch_related("placed_by").first()
    if hold is not None:
        hold.patient = chart
    return chart, hold


def place_hold(*, by: User, patient_id: UUID, reason: str) -> LegalHold:
    """Keep everything in this chart, deleted or not, from being purged. This gives no access, so it also works for
    restricted charts. Raises NotFound, and Conflict if there is a hold already or the purge has begun."""
    with _exclusive():
        chart = _lock_active_chart(patient_id)
        if chart.legal_holds.exists():
            raise Conflict(_("This chart is already on legal hold."))
        if chart.deletion is not None and chart.deletion.purge_began_at:
            raise Conflict(_("This chart is already being deleted permanently, so it can't be put on hold."))
        hold: LegalHold = LegalHold.objects.create(patient=chart, placed_by=by, reason=reason)
        _log_hold(AuditEvent.HOLD_PLACED, chart)
    return hold


def lift_hold(*, by: User, patient_id: UUID) -> None:
    """Lift the legal hold. Raises NotFound, and Conflict if there is none."""
    with _exclusive(), context.done_by(by):
        chart = _lock_active_chart(patient_id)
        if not chart.legal_holds.exists():
            raise Conflict(_("This chart is not on legal hold, so there is nothing to lift."))
        chart.legal_holds.all().delete()
        _log_hold(AuditEvent.HOLD_LIFTED, chart)


# --- Helpers ----------------------------------------------------------------------------------------------------------


@contextmanager
def _exclusive() -> Iterator[None]:
    with deadlock_as_conflict(BUSY), transaction.atomic():
        yield


def lock_chart_with_deleted(patient_id: UUID | None) -> Patient:
    """Return the chart, deleted or not, locked for the rest of the transaction. Raises NotFound."""
    charts = Patient.with_deleted.select_for_update(of=("self",), no_key=True)
    chart: Patient = charts.get_or_refuse(pk=patient_id)
    return chart


def _lock_chart_of(row: SoftDeletable) -> Patient:
    (patient_id,) = row.about_patients()
    return lock_chart_with_deleted(patient_id)


def _lock_active_chart(patient_id: UUID) -> Patient:
    chart = lock_chart_with_deleted(patient_id)
    if chart not in Patient.with_deleted.active().filter(pk=chart.pk):
        raise NotFound(_("Patient not found."), about=Patient._meta.label, about_id=patient_id)
    return chart


def _check_belongs_to(chart: Patient, row: SoftDeletable) -> None:
    """Raise Conflict if the row was moved before it was locked, because its registration was merged."""
    if row.about_patients() != [chart.pk]:
        raise Conflict(MOVED)


def _rows_to_hide(row: SoftDeletable) -> Iterator[Any]:
    """Yield querysets of what to hide with this row; rows that are already hidden keep their own deletion."""
    if not isinstance(row, Patient):
        yield type(row).objects.filter(pk=row.pk)
        yield from DELETABLES[row._meta.label].parts(row)
        return
    for model in soft_deletable_models():
        of_chart = Q(pk=row.pk) | Q(merged_into=row.pk) if model is Patient else Q(patient=row.pk)
        yield model.objects.filter(of_chart)


def _deletion_for(by: User, row: SoftDeletable, kind: Deletable) -> Deletion:
    """Return the row's deletion. Raises NotFound if `by` may not restore it, Conflict if it is not deleted."""
    deletion: Deletion | None = row.deletion
    if deletion is not None and (by.can(kind.permission) or deletion.deleted_by_id == by.pk):
        return deletion
    if deletion is None and type(row).objects.visible_to(by).filter(pk=row.pk).exists():
        raise Conflict(_("This %(thing)s is not deleted.") % {"thing": row._meta.verbose_name})
    sentence = _("%(thing)s not found.") % {"thing": capfirst(row._meta.verbose_name)}
    raise NotFound(sentence, about=row._meta.label, about_id=row.pk)


def _unhide(deletion: Deletion) -> dict[str, int]:
    counts = {}
    for model in reversed(soft_deletable_models()):
        hidden = model.with_deleted.filter(deletion=deletion)
        try:
            with transaction.atomic():
                counts[model._meta.label] = set_deletion(hidden, None)
        except IntegrityError as error:
            raise Conflict(DELETABLES[model._meta.label].conflict_message) from error
    return counts


def _log(event: AuditEvent, deletion: Deletion, counts: dict[str, int]) -> None:
    """Log the event, without the reason, which may contain details about the patient."""
    log.record(
        event,
        practice_id=deletion.practice_id,
        patients=[deletion.patient_id],
        about=deletion.about,
        about_id=deletion.about_id,
        rows={label: count for label, count in counts.items() if count},
    )


def _log_hold(event: AuditEvent, chart: Patient) -> None:
    label = Patient._meta.label
    log.record(event, practice_id=chart.practice_id, patients=[chart.pk], about=label, about_id=chart.pk)
