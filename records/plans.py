"""Plans of care: making and amending them, what is noted of their goals, and which appointments are part of them
(docs/adr/0017). Every change locks the plan, so that two changes of one plan queue."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch

from accounts.models import User
from appointments.models import Appointment
from audit.events import Kind
from core.errors import Conflict, Invalid, Missing
from patients.restriction import check_open
from patients.services import held_chart
from practices.services import current_practice
from records import versions
from records.models import Goal, GoalProgress, PlannedAppointment, PlanOfCare, SessionNote
from records.models.plan import GoalStatus, PlanQuerySet, Status
from records.plan_serializers import MOST_GOALS, PlanShape

ENDS_BEFORE_IT_STARTS = "A plan does not end before it starts."


def whole(plans: PlanQuerySet) -> PlanQuerySet:
    """With all that a plan's own page shows, in five queries however many plans there are."""
    progress = GoalProgress.objects.select_related("author").order_by("date", "id")
    goals = Goal.objects.order_by("position").prefetch_related(Prefetch("progress", progress))
    notes = SessionNote.objects.filter(finalised_at__isnull=False).only("plan_of_care", "date").order_by("date", "id")
    planned = PlannedAppointment.objects.filter(appointment__deletion=None).order_by("appointment__starts_at", "id")
    return (
        plans.with_people()
        .with_progress()
        .prefetch_related(
            Prefetch("goals", goals),
            Prefetch("session_notes", notes, "sessions"),
            Prefetch("planned", planned, "visits"),
        )
    )


def plan_for(*, by: User, plan_id: UUID) -> PlanOfCare:
    """The whole plan. Raises Missing, and Restricted where its chart is closed to `by`."""
    plan: PlanOfCare = whole(PlanOfCare.objects.readable_by(by)).found(pk=plan_id)
    check_open(by, plan.patient)
    return plan


@transaction.atomic
def make_plan(*, by: User, patient_id: UUID, goals: Iterable[dict[str, Any]] = (), **fields: Any) -> PlanOfCare:
    """An active plan by this doctor for this patient, and its first version. `goals` in their order. Raises Missing,
    Restricted, and Invalid for one that ends before it starts."""
    patient = check_open(by, held_chart(by=by, patient_id=patient_id))
    plan = PlanOfCare(patient=patient, doctor=by, **fields)
    _check_days(plan)
    plan.save()
    _add_goals(plan, goals, after=0)
    versions.keep(plan, by=by)
    return plan


@transaction.atomic
def amend_plan(
    *, by: User, plan_id: UUID, reason: str, expected: int, goals: Iterable[dict[str, Any]] = (), **changes: Any
) -> PlanOfCare:
    """Change what the plan says and keep it as its next version; `expected` is the version that was read. A goal with
    an `id` is changed in the fields that are given, one without is added; the others stay. Raises Missing, Restricted,
    Forbidden, Stale, and Refusal where nothing is changed, as records/versions.py has them, and Invalid."""
    plan = versions.opened(PlanOfCare, by=by, pk=plan_id, to_change=True)

    def current(plan: PlanOfCare) -> dict[str, Any]:
        return PlanShape.of(plan_for(by=by, plan_id=plan.pk))

    with versions.amendment(plan, by=by, expected=expected, reason=reason, shape=current):
        for field, value in changes.items():
            setattr(plan, field, value)
        _check_days(plan)
        _amend_goals(plan, goals)
    return plan


def _check_days(plan: PlanOfCare) -> None:
    if plan.target_end_on is not None and plan.target_end_on < plan.starts_on:
        raise Invalid("targetEndOn", ENDS_BEFORE_IT_STARTS)


def _add_goals(plan: PlanOfCare, goals: Iterable[dict[str, Any]], *, after: int) -> None:
    Goal.objects.bulk_create(Goal(plan=plan, position=after + place, **goal) for place, goal in enumerate(goals, 1))


def _amend_goals(plan: PlanOfCare, goals: Iterable[dict[str, Any]]) -> None:
    """Raises Invalid for a goal that is not the plan's or is named twice, and for one too many."""
    present = {goal.pk: goal for goal in plan.goals.order_by("position")}
    places, added = len(present), []
    for place, given in enumerate(goals):
        fields = {name: value for name, value in given.items() if name != "id"}
        if "id" not in given:
            added.append(fields)
        elif (goal := present.pop(given["id"], None)) is not None:
            _change_goal(goal, fields)
        else:
            raise Invalid(f"goals.{place}.id", "The plan has no such goal, or it is named twice.")
    if places + len(added) > MOST_GOALS:
        raise Invalid("goals", f"A plan has at most {MOST_GOALS} goals.")
    _add_goals(plan, added, after=places)


def _change_goal(goal: Goal, fields: dict[str, Any]) -> None:
    for field, value in fields.items():
        setattr(goal, field, value)
    goal.save(update_fields={*fields, "updated_at"})


@transaction.atomic
def note_progress(
    *, by: User, plan_id: UUID, goal_id: UUID, text: str, date: date | None = None, status: str = ""
) -> PlanOfCare:
    """Add what was seen of a goal, on a day (today at the practice unless given), and what the goal became by it, where
    that is given. No amendment; but where the goal's status changes, so does the plan's `version`: whoever amends it
    must have seen that. Raises Missing, Restricted, Conflict for a plan that is not active, and Invalid for a day to
    come or before the plan's start."""
    plan = versions.opened(PlanOfCare, by=by, pk=plan_id, to_change=True)
    goal: Goal = Goal.objects.found(pk=goal_id, plan=plan)
    if plan.status != Status.ACTIVE:
        raise Conflict("This plan is not active any more; an amendment can take it up again.")
    today = current_practice().today()
    date = date or today
    if not plan.starts_on <= date <= today:
        raise Invalid("date", "Progress is noted of a day since the plan's start, and none to come.")
    GoalProgress.objects.create(goal=goal, author=by, date=date, text=text, status=status)
    if status and status != goal.status:
        goal.status = GoalStatus(status)
        goal.save(update_fields={"status", "updated_at"})
        plan.version += 1
    plan.save(update_fields={"version", "updated_at"})
    versions.tell(Kind.CHANGED, plan, fields=["progress"], goal=goal.pk)
    return plan


@transaction.atomic
def plan_appointment(*, by: User, plan_id: UUID, appointment_id: UUID) -> PlanOfCare:
    """Make an appointment of the same patient part of the plan; the appointment itself stays as it is. Raises Missing,
    Restricted, and Conflict for one that is part of another plan. From a deleted plan it moves over."""
    versions.hold_chart_of(PlanOfCare, by=by, pk=plan_id)  # two plans that want one appointment queue here
    plan = versions.opened(PlanOfCare, by=by, pk=plan_id, to_change=True)
    appointment: Appointment = Appointment.objects.found(pk=appointment_id, patient=plan.patient_id)
    planned = PlannedAppointment.objects.filter(appointment=appointment).first()
    if planned is not None and planned.plan_id == plan.pk:
        return plan
    if planned is not None and PlanOfCare.objects.filter(pk=planned.plan_id).exists():
        raise Conflict("This appointment is part of another plan of care.")
    if planned is not None:
        planned.delete()
    PlannedAppointment.objects.create(plan=plan, appointment=appointment)
    _appointments_changed(plan, appointment_id)
    return plan


@transaction.atomic
def unplan_appointment(*, by: User, plan_id: UUID, appointment_id: UUID) -> PlanOfCare:
    """Raises Missing, also where the appointment is no part of the plan, and Restricted."""
    plan = versions.opened(PlanOfCare, by=by, pk=plan_id, to_change=True)
    living = PlannedAppointment.objects.filter(appointment__deletion=None)
    planned = living.filter(plan=plan, appointment=appointment_id).first()
    if planned is None:
        raise Missing("This appointment is not part of the plan.", about=plan._meta.label, about_id=plan.pk)
    planned.delete()
    _appointments_changed(plan, appointment_id)
    return plan


def _appointments_changed(plan: PlanOfCare, appointment_id: UUID) -> None:
    plan.save(update_fields={"updated_at"})
    versions.tell(Kind.CHANGED, plan, fields=["appointments"], appointment=appointment_id)
