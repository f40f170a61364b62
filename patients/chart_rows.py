"""The rows of all apps that refer to a chart, and how they go over to another one when two charts become one: a
registration with the chart of the same person (patients/registrations/), or two charts (patients/merging/)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ForeignObjectRel
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from core.database.deadlocks import deadlock_as_conflict
from core.errors import Conflict, NotFound, Sentence
from notifications.models import MessagePreference
from patients.models import ChartMerge, DuplicatePair, EmergencyAccess, LiftRequest, Patient

# Sent for the `charts` that become one, or would; receivers in other apps return sentences that somebody should read.
charts_joined = Signal()

# Models that refer to a patient but do not move with a merge, with the reason.
NOT_MERGED: dict[Any, str] = {
    EmergencyAccess: "an emergency access belongs to the chart that it opened",
    MessagePreference: "what was said in either chart holds (notifications/messages/settings.py)",
    DuplicatePair: "a pair keeps naming the two charts that were compared",
    LiftRequest: "a request is about the restriction of that chart",
    ChartMerge: "a merge keeps naming the two charts that it was about",
}


# How rows go over of which one chart can't have any number, by model: an app above moves them, and returns those that
# went; the others stay with their chart. It is asked both when charts are merged and when that is undone.
CarryOver = Callable[[Any, Patient], list[UUID]]
CARRIED_OVER: dict[Any, CarryOver] = {}


def carries_over(model: Any) -> Callable[[CarryOver], CarryOver]:
    """Let the decorated function move the rows of this model from one chart to another."""

    def register(function: CarryOver) -> CarryOver:
        CARRIED_OVER[model] = function
        return function

    return register


@contextmanager
def exclusive(busy: Sentence) -> Iterator[None]:
    """Run the block in one transaction; raises Conflict with this sentence if PostgreSQL detects a deadlock."""
    with deadlock_as_conflict(busy), transaction.atomic():
        yield


def lock_charts(*ids: UUID) -> dict[UUID, Patient]:
    """Lock the charts in the order of their ids, which avoids deadlocks."""
    rows = Patient.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    return {chart.pk: chart for chart in rows}


def chart_not_found(patient_id: UUID) -> NotFound:
    return NotFound(_("Patient not found."), about=Patient._meta.label, about_id=patient_id)


def relations_to_move() -> list[ForeignObjectRel]:
    """Return every relation by which rows of any app refer to a chart, including earlier merges."""
    found = Patient._meta.get_fields(include_hidden=True)
    return [
        field
        for field in found
        if isinstance(field, ForeignObjectRel) and not field.many_to_many and field.related_model not in NOT_MERGED
    ]


def relation_label(relation: ForeignObjectRel) -> str:
    """Return a name for the relation to store: `"appointments.Appointment.patient"`."""
    return f"{relation.related_model._meta.label}.{relation.field.name}"


def all_rows(model: Any) -> Any:
    """Return the rows of this practice with the deleted and removed ones, which move too and can be restored there."""
    return getattr(model, "with_deleted", None) or getattr(model, "with_removed", model.objects)


def rows_of(chart: Patient) -> Iterator[tuple[ForeignObjectRel, Any]]:
    """Yield each relation with the rows that refer to the chart."""
    for relation in relations_to_move():
        yield relation, all_rows(relation.related_model).filter(**{relation.field.name: chart}).order_by()


def warnings_of_joining(*charts: Patient) -> list[Sentence]:
    """Return what somebody should look at where these become one chart, such as two visits at the same time. It keeps
    nobody from merging: until the charts are one, it is not to be seen in either."""
    return [
        sentence for _receiver, found in charts_joined.send(sender=Patient, charts=charts) for sentence in found or ()
    ]


def move_rows(source: Patient, target: Patient) -> dict[str, list[str]]:
    """Make everything that refers to one chart refer to the other. Return the ids of what moved, by relation. Both
    charts are locked. Raises Conflict for what the database keeps from being in one chart."""
    moved = {}
    for relation, rows in rows_of(source):
        try:
            with transaction.atomic():
                keys = [str(pk) for pk in move(relation, rows, target)]
        except IntegrityError as error:
            raise Conflict(
                _("Both charts have %(things)s that one chart can't have at the same time.")
                % {"things": relation.related_model._meta.verbose_name_plural}
            ) from error
        if keys:
            moved[relation_label(relation)] = keys
    return moved


def move(relation: ForeignObjectRel, rows: Any, target: Patient) -> list[UUID]:
    """Make these rows refer to the chart, and return the ids of those that do by that."""
    if carry_over := CARRIED_OVER.get(relation.related_model):
        return carry_over(rows, target)
    keys = list(rows.values_list("pk", flat=True))
    if keys:
        rows.update(**{relation.field.name: target})
    return keys
