"""Creating and amending plans of care, adding progress on their goals, and linking appointments (docs/adr/0017). Every
change locks the plan, so that two changes of one plan queue."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from audit.events import AuditEvent
from core.errors import Conflict, Invalid, NotFound
from patients.restriction.services import check_access
from patients.services import lock_chart
from practices.services import current_practice
from records.models import Goal, GoalProgress, PlannedAppointment, PlanOfCare, SessionNote
from records.models.plan import GoalStatus, PlanQuerySet, PlanStatus
from records.plans.serializers import MAX_GOALS, PlanShape
from records.versions import services as versions

ENDS_BEFORE_START = _("The target end date can't be before the start date.")


def with_details(plans: PlanQuerySet) -> PlanQuerySet:
    """Prefetch everything that a plan's own page shows, in five queries however many plans there are."""
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


def get_plan(*, by: User, plan_id: UUID) -> PlanOfCare:
    """Return the complete plan. Raises NotFound, and Forbidden if its chart is closed to `by`."""
    plan: PlanOfCare = with_details(PlanOfCare.objects.readable_by(by)).get_or_refuse(pk=plan_id)
    check_access(by, plan.patient)
    return plan


@transaction.atomic
def create_plan(*, by: User, patient_id: UUID, goals: Iterable[dict[str, Any]] = (), **fields: Any) -> PlanOfCare:
    """Create an active plan by this doctor for this patient, with its first version. `goals` are in order. Raises
    NotFound, Forbidden, and Invalid for a plan that ends before it starts."""
    patient = check_access(by, lock_chart(by=by, patient_id=patient_id))
    plan = PlanOfCare(patient=patient, doctor=by, **fields)
    _check_days(plan)
    plan.save()
    _add_goals(plan, goals, after=0)
    versions.save_version(plan, by=by)
    return plan


@transaction.atomic
def amend_plan(
    *, by: User, plan_id: UUID, reason: str, expected: int, goals: Iterable[dict[str, Any]] = (), **changes: Any
) -> PlanOfCare:
    """Change the plan and keep the result as its next version; `expected` is the version that was read. A goal with an
    `id` changes in the given fields, one without is added; the others stay. Raises NotFound, Forbidden, StaleVersion,
    and Refusal if nothing changes, as in records/versions/services.py, and Invalid."""
    plan = versions.get_entry(PlanOfCare, by=by, pk=plan_id, for_update=True)

    def current(plan: PlanOfCare) -> dict[str, Any]:
        return PlanShape.to_dict(get_plan(by=by, plan_id=plan.pk))

    with versions.amendment(plan, by=by, expected=expected, reason=reason, shape=current):
        for field, value in changes.items():
            setattr(plan, field, value)
        _check_days(plan)
        _amend_goals(plan, goals)
    return plan


def _check_days(plan: PlanOfCare) -> None:
    if plan.target_end_on is not None and plan.target_end_on < plan.starts_on:
        raise Invalid("targetEndOn", ENDS_BEFORE_START)


def _add_goals(plan: PlanOfCare, goals: Iterable[dict[str, Any]], *, after: int) -> None:
    Goal.objects.bulk_create(Goal(plan=plan, position=after + place, **goal) for place, goal in enumerate(goals, 1))


def _amend_goals(plan: PlanOfCare, goals: Iterable[dict[str, Any]]) -> None:
    """Change and add goals. Raises Invalid for a goal that is not the plan's or is listed twice, and for too many
    goals."""
    present = {goal.pk: goal for goal in plan.goals.order_by("position")}
    places, added = len(present), []
    for place, given in enumerate(goals):
        fields = {name: value for name, value in given.items() if name != "id"}
        if "id" not in given:
            added.append(fields)
        elif (goal := present.pop(given["id"], None)) is not None:
            _change_goal(goal, fields)
        else:
            raise Invalid(f"goals.{place}.id", _("The plan has no such goal, or the goal is listed twice."))
    if places + len(added) > MAX_GOALS:
        raise Invalid("goals", _("A plan can have at most %(most)d goals.") % {"most": MAX_GOALS})
    _add_goals(plan, added, after=places)


def _change_goal(goal: Goal, fields: dict[str, Any]) -> None:
    for field, value in fields.items():
        setattr(goal, field, value)
    goal.save(update_fields={*fields, "updated_at"})


@transaction.atomic
def add_progress(
    *,
    by: User,
    plan_id: UUID,
    goal_id: UUID,
    text: str,
    date: date | None = None,
    status: str = "",
    value: Decimal | None = None,
) -> PlanOfCare:
    """Add progress on a goal for a day (default: today at the practice), with the number that it measures and the
    goal's new status, if given. This is
    not an amendment, but a change of status increases the plan's `version`: an amendment must be based on it. Raises
    NotFound, Forbidden, Conflict for a plan that is not active, and Invalid for a day in the future or before the
    plan's start."""
    plan = versions.get_entry(PlanOfCare, by=by, pk=plan_id, for_update=True)
    goal: Goal = Goal.objects.get_or_refuse(pk=goal_id, plan=plan)
    if plan.status != PlanStatus.ACTIVE:
        raise Conflict(_("This plan is no longer active. Amend it to reactivate it."))
    today = current_practice().today()
    date = date or today
    if not plan.starts_on <= date <= today:
        raise Invalid("date", _("Enter a date between the start of the plan and today."))
    GoalProgress.objects.create(goal=goal, author=by, date=date, text=text, status=status, value=_written(value))
    if status and status != goal.status:
        goal.status = GoalStatus(status)
        goal.save(update_fields={"status", "updated_at"})
        plan.version += 1
    plan.save(update_fields={"version", "updated_at"})
    versions.log_event(AuditEvent.CHANGED, plan, fields=["progress"], goal=goal.pk)
    return plan


def _written(value: Decimal | None) -> str:
    """Return the number as it is stored: `72.5`, `72`."""
    text = "" if value is None else f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@transaction.atomic
def add_appointment(*, by: User, plan_id: UUID, appointment_id: UUID) -> PlanOfCare:
    """Link an appointment of the same patient to the plan; the appointment itself does not change. One linked to a
    deleted plan moves over. Raises NotFound, Forbidden, and Conflict for an appointment of another plan."""
    versions.lock_chart_for(PlanOfCare, by=by, pk=plan_id)  # so that two plans queue for one appointment
    plan = versions.get_entry(PlanOfCare, by=by, pk=plan_id, for_update=True)
    appointment: Appointment = Appointment.objects.get_or_refuse(pk=appointment_id, patient=plan.patient_id)
    planned = PlannedAppointment.objects.filter(appointment=appointment).first()
    if planned is not None and planned.plan_id == plan.pk:
        return plan
    if planned is not None and PlanOfCare.objects.filter(pk=planned.plan_id).exists():
        raise Conflict(_("This appointment is part of another plan of care."))
    if planned is not None:
        planned.delete()
    PlannedAppointment.objects.create(plan=plan, appointment=appointment)
    _appointments_changed(plan, appointment_id)
    return plan


@transaction.atomic
def remove_appointment(*, by: User, plan_id: UUID, appointment_id: UUID) -> PlanOfCare:
    """Unlink an appointment from the plan. Raises NotFound, also if it is not linked, and Forbidden."""
    plan = versions.get_entry(PlanOfCare, by=by, pk=plan_id, for_update=True)
    not_deleted = PlannedAppointment.objects.filter(appointment__deletion=None)
    planned = not_deleted.filter(plan=plan, appointment=appointment_id).first()
    if planned is None:
        raise NotFound(_("This appointment is not part of the plan."), about=plan._meta.label, about_id=plan.pk)
    planned.delete()
    _appointments_changed(plan, appointment_id)
    return plan


def _appointments_changed(plan: PlanOfCare, appointment_id: UUID) -> None:
    plan.save(update_fields={"updated_at"})
    versions.log_event(AuditEvent.CHANGED, plan, fields=["appointments"], appointment=appointment_id)
