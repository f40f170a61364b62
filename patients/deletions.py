"""Hiding a chart or one thing of it, having it back, and legal holds (docs/adr/0019).

Every kind of thing says for itself what may be deleted, by whom (`Deletable`): appointments/deleted.py and
records/deleted.py for theirs. Whatever is done holds the chart's row, as do those who add to a chart (held_chart), so
that nothing is added to it meanwhile.
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

from accounts.models import User
from accounts.roles import Permission
from audit import trail
from audit.events import Kind
from core.deadlocks import deadlock_is_conflict
from core.errors import Conflict, Forbidden, Gone, Missing
from core.soft_delete import SoftDeletable, set_deletion, soft_deletable_models
from patients.models import Deletion, DeletionQuerySet, LegalHold, Patient
from patients.restriction import check_open_for_good, open_for

BUSY = "Somebody else is changing this chart. Please try again."
MOVED = "It has moved to another chart meanwhile. Please try again."

# In the transaction, before `row` is hidden: what stands above (appointments/, records/) calls off what hangs on it, or
# raises a Refusal.
being_deleted = Signal()


@dataclass(frozen=True)
class Deletable:
    """`name` in the API; who `permission` lets delete and restore any of its kind. `own` tells whether a row is one
    that this person may delete without it. `check_restored` raises Conflict where it cannot come back as things are;
    `taken` says what has taken its place where the database refuses it. `kept_since` is an expression: when the
    practice's years of retention begin for a row, or null; without one it is no clinical record. `parts` are the living
    rows, one queryset of a kind, that hide with a row and come back with it; `parts_said` tells of them in a
    sentence."""

    name: str
    permission: Permission
    refusal: str
    own: Callable[[Any, User], bool] = lambda row, by: False
    check_restored: Callable[[Any], None] = lambda row: None
    taken: str = "Something else has taken its place meanwhile."
    kept_since: Any = None
    parts: Callable[[Any], Iterable[Any]] = lambda row: ()
    parts_said: str = ""


KINDS: dict[str, Deletable] = {}  # by the label of the model


def deletable(model: type[SoftDeletable], **rules: Any) -> None:
    KINDS[model._meta.label] = Deletable(**rules)


def label_of(name: str) -> str:
    return next(label for label, kind in KINDS.items() if kind.name == name)


deletable(
    Patient,
    name="patient",
    permission=Permission.DELETE_CLINICAL,
    refusal="An office manager alone deletes a chart.",
    kept_since=F("updated_at"),
)


def delete(*, by: User, row: SoftDeletable, reason: str) -> Deletion:
    """Hide the row, and with a chart all that is in it, for settings.RESTORE_DAYS and until it is purged. Raises
    Missing for what `by` cannot see, also since it is hidden already; Restricted for a chart that is not open to them
    for good; Forbidden and Conflict as its kind has it."""
    model: Any = type(row)
    kind = KINDS[model._meta.label]
    with _changing():
        chart = _held(row)
        check_open_for_good(by, chart)
        row = model.objects.visible_to(by).select_for_update(of=("self",)).found(pk=row.pk)
        _check_is_of(chart, row)
        if not (by.can(kind.permission) or kind.own(row, by)):
            raise Forbidden(kind.refusal)
        being_deleted.send(sender=model, row=row)
        deletion: Deletion = Deletion.objects.create(
            patient=chart, about=model._meta.label, about_id=row.pk, deleted_by=by, reason=reason
        )
        counts = {part.model._meta.label: set_deletion(part, deletion) for part in _hidden_with(row)}
        _tell(Kind.SOFT_DELETED, deletion, counts)
    return deletion


def restore(*, by: User, model: type[SoftDeletable], pk: UUID) -> SoftDeletable:
    """Show the row again, and with a chart all that went with it: whoever has deleted it, or may delete any of its
    kind. Raises Missing for the others, too; Gone once the time for it is over; Conflict for what is not deleted, or
    cannot come back as things are; Restricted like deleting."""
    kind, rows = KINDS[model._meta.label], model.with_deleted
    with _changing():
        chart = _held(rows.found(pk=pk))
        row: SoftDeletable = rows.select_for_update(of=("self",)).found(pk=pk)
        _check_is_of(chart, row)
        deletion = _deletion_for(by, row, kind)
        check_open_for_good(by, chart)
        if deletion.about_id != row.pk or (chart.deletion_id and chart.pk != row.pk):
            whole = "chart" if chart.deletion_id else apps.get_model(deletion.about)._meta.verbose_name
            raise Conflict(f"Its {whole} is deleted: restore the {whole}.")
        if deletion.restorable_until <= timezone.now() or deletion.purge_began_at:
            raise Gone(f"It could be restored until {deletion.restorable_until:%d %B %Y}.")
        kind.check_restored(row)
        counts = _show_again(deletion)
        _tell(Kind.RESTORED, deletion, counts)
        deletion.delete()
    return row


def deletions_for(user: User) -> DeletionQuerySet:
    """What the list of the deleted shows, the latest first; `on_hold` tells whether the chart is on legal hold."""
    if not user.can(Permission.DELETE_CLINICAL):
        return Deletion.objects.none()
    held = LegalHold.objects.filter(patient=OuterRef("patient"))
    return Deletion.objects.newest_first().with_people().annotate(on_hold=Exists(held))


# --- Legal holds ------------------------------------------------------------------------------------------------------


def hold_of(*, by: User, patient_id: UUID) -> tuple[Patient, LegalHold | None]:
    """The chart, hidden or not, open to `by` or not, and its hold. Raises Missing."""
    chart: Patient = Patient.with_deleted.living().found(pk=patient_id)
    open_for(by, [chart])
    hold = chart.legal_holds.prefetch_related("placed_by").first()  # a join would leave out a platform superuser's
    if hold is not None:
        hold.patient = chart
    return chart, hold


def place_hold(*, by: User, patient_id: UUID, reason: str) -> LegalHold:
    """Nothing of this chart is purged from now on, whether it is hidden already or will be. It opens nothing, so it
    takes restricted charts too. Raises Missing, and Conflict where there is a hold, or the chart is being removed."""
    with _changing():
        chart = _any_chart(patient_id)
        if chart.legal_holds.exists():
            raise Conflict("This chart is on legal hold already.")
        if chart.deletion is not None and chart.deletion.purge_began_at:
            raise Conflict("This chart is being removed for good; a hold comes too late.")
        hold: LegalHold = LegalHold.objects.create(patient=chart, placed_by=by, reason=reason)
        _tell_hold(Kind.HOLD_PLACED, chart)
    return hold


def lift_hold(*, by: User, patient_id: UUID) -> None:
    """Raises Missing, and Conflict where there is none."""
    with _changing():
        chart = _any_chart(patient_id)
        if not chart.legal_holds.exists():
            raise Conflict("This chart is not on legal hold.")
        chart.legal_holds.all().delete()
        _tell_hold(Kind.HOLD_LIFTED, chart)


# --- The steps --------------------------------------------------------------------------------------------------------


@contextmanager
def _changing() -> Iterator[None]:
    with deadlock_is_conflict(BUSY), transaction.atomic():
        yield


def hold_chart_of(patient_id: UUID | None) -> Patient:
    """The chart, hidden or not, whose row is this transaction's. Raises Missing."""
    charts = Patient.with_deleted.select_for_update(of=("self",), no_key=True)
    chart: Patient = charts.found(pk=patient_id)
    return chart


def _held(row: SoftDeletable) -> Patient:
    (patient_id,) = row.about_patients()
    return hold_chart_of(patient_id)


def _any_chart(patient_id: UUID) -> Patient:
    chart = hold_chart_of(patient_id)
    if chart not in Patient.with_deleted.living().filter(pk=chart.pk):
        raise Missing("There is no such patient.", about=Patient._meta.label, about_id=patient_id)
    return chart


def _check_is_of(chart: Patient, row: SoftDeletable) -> None:
    """A registration may have been merged into another chart before its row was held."""
    if row.about_patients() != [chart.pk]:
        raise Conflict(MOVED)


def _hidden_with(row: SoftDeletable) -> Iterator[Any]:
    """What hides when this row is deleted: of what is hidden already each keeps its own deletion."""
    if not isinstance(row, Patient):
        yield type(row).objects.filter(pk=row.pk)
        yield from KINDS[row._meta.label].parts(row)
        return
    for model in soft_deletable_models():
        of_chart = Q(pk=row.pk) | Q(merged_into=row.pk) if model is Patient else Q(patient=row.pk)
        yield model.objects.filter(of_chart)


def _deletion_for(by: User, row: SoftDeletable, kind: Deletable) -> Deletion:
    """Raises Missing for who has nothing to do with it, as if it did not exist."""
    deletion: Deletion | None = row.deletion
    if deletion is not None and (by.can(kind.permission) or deletion.deleted_by_id == by.pk):
        return deletion
    if deletion is None and type(row).objects.visible_to(by).filter(pk=row.pk).exists():
        raise Conflict(f"This {row._meta.verbose_name} is not deleted.")
    raise Missing(f"There is no such {row._meta.verbose_name}.", about=row._meta.label, about_id=row.pk)


def _show_again(deletion: Deletion) -> dict[str, int]:
    counts = {}
    for model in reversed(soft_deletable_models()):
        hidden = model.with_deleted.filter(deletion=deletion)
        try:
            with transaction.atomic():
                counts[model._meta.label] = set_deletion(hidden, None)
        except IntegrityError as error:
            raise Conflict(KINDS[model._meta.label].taken) from error
    return counts


def _tell(event: Kind, deletion: Deletion, counts: dict[str, int]) -> None:
    """The reason is not the trail's: it may hold what is known of the patient."""
    trail.record(
        event,
        practice_id=deletion.practice_id,
        patients=[deletion.patient_id],
        about=deletion.about,
        about_id=deletion.about_id,
        rows={label: count for label, count in counts.items() if count},
    )


def _tell_hold(event: Kind, chart: Patient) -> None:
    label = Patient._meta.label
    trail.record(event, practice_id=chart.practice_id, patients=[chart.pk], about=label, about_id=chart.pk)
