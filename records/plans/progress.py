"""How far a plan is: which visit of how many, and the numbers of its goals over time."""

from collections.abc import Iterable
from datetime import datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import User
from appointments.models import AppointmentStatus
from core.formats import format_day
from records.models import Goal, PlannedAppointment, PlanOfCare, SessionNote
from records.models.plan import GoalStatus, PlanStatus
from records.plans.services import with_details

MOST = 10  # plans beside a note


class GoalLine(NamedTuple):
    """A goal with its progress, and the line of its numbers where there are at least two."""

    goal: Goal
    days: list[datetime]
    values: list[Decimal]

    @property
    def text_alternative(self) -> str:
        """Return what the line shows, for whoever does not see it."""
        first, last = self.days[0], self.days[-1]
        return gettext("From %(first)s on %(first_day)s to %(last)s on %(last_day)s") % {
            "first": _number(self.values[0]),
            "first_day": format_day(first.date()),
            "last": _number(self.values[-1]),
            "last_day": format_day(last.date()),
        }

    @property
    def has_line(self) -> bool:
        return len(self.values) > 1

    @property
    def is_open(self) -> bool:
        return self.goal.status == GoalStatus.OPEN


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


class ShownPlan(NamedTuple):
    """A plan beside a note: the note is the plan's visit of this `number`."""

    plan: PlanOfCare
    number: int
    goals: list[GoalLine]

    @property
    def visit(self) -> str:
        """Return `Visit 4 of 12`, or `Visit 4` where nobody knows how many there are to be."""
        known = {"number": self.number, "all": self.plan.visits_planned}
        if known["all"] >= self.number:
            return gettext("Visit %(number)s of %(all)s") % known
        return gettext("Visit %(number)s") % known


def goal_lines(plan: PlanOfCare) -> list[GoalLine]:
    """Return the goals of a plan with details, in order."""
    lines = []
    for goal in plan.goals.all():
        measured = [entry for entry in goal.progress.all() if entry.number is not None]
        days = [datetime.combine(entry.date, time.min, timezone.get_current_timezone()) for entry in measured]
        lines.append(GoalLine(goal, days, [entry.number for entry in measured if entry.number is not None]))
    return lines


def plans_beside(note: SessionNote, *, by: User) -> list[ShownPlan]:
    """Return the patient's active plans, and the note's own, with the number of the visit that the note is of."""
    wanted = Q(status=PlanStatus.ACTIVE) | Q(pk=note.plan_of_care_id)
    plans = with_details(PlanOfCare.objects.visible_to(by).filter(wanted, patient=note.patient_id))
    found = list(plans.latest_first()[:MOST])
    numbers = _numbers(found, note)
    return [ShownPlan(plan, numbers[plan.pk], goal_lines(plan)) for plan in found]


def _numbers(plans: Iterable[PlanOfCare], note: SessionNote) -> dict[Any, int]:
    """Return the number of this visit for each plan: one more than the notes, or the visits, that were before it."""
    notes = SessionNote.objects.filter(plan_of_care__in=plans, finalised_at__isnull=False, date__lt=note.date)
    visits = PlannedAppointment.objects.filter(
        plan__in=plans,
        appointment__deletion=None,
        appointment__status=AppointmentStatus.COMPLETED,
        appointment__starts_at__lt=note.date,
    ).exclude(appointment=note.appointment_id)
    by_notes = dict(notes.exclude(pk=note.pk).order_by().values_list("plan_of_care").annotate(Count("pk")))
    by_visits = dict(visits.order_by().values_list("plan").annotate(Count("pk")))
    return {plan.pk: max(by_notes.get(plan.pk, 0), by_visits.get(plan.pk, 0)) + 1 for plan in plans}


def plan_of(note: SessionNote, plans: Iterable[ShownPlan]) -> Any:
    """Return the id of the plan that a new note is taken to be of: that of its visit, or the only active one."""
    if note.appointment_id:
        planned = PlannedAppointment.objects.filter(appointment=note.appointment_id).first()
        if planned is not None:
            return planned.plan_id
    ids = [shown.plan.pk for shown in plans]
    return ids[0] if len(ids) == 1 else None
