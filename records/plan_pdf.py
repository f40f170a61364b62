"""A plan of care on paper."""

from io import BytesIO

from accounts.models import User
from core.encryption.fields import unreadable_marked
from patients.models import Patient
from practices.models import Practice
from records.models import Goal, PlanOfCare
from records.printing import Sheets

INDENT = 14  # points


def plan_pdf(plan: PlanOfCare, *, practice: Practice, by: User) -> bytes:
    """As records/plans.py `plan_for` reads it. A mark stands for what cannot be decrypted."""
    printed = BytesIO()
    with unreadable_marked():
        sheets = Sheets(printed, title="Plan of care", about=who(plan.patient), practice=practice, by=by)
        sheets.field("Patient", who(plan.patient))
        write_plan(sheets, plan)
        sheets.close()
    return printed.getvalue()


def who(patient: Patient) -> str:
    """Enough to tell the sheets of two patients of one name apart."""
    return f"{patient.name}, born {patient.date_of_birth}" if patient.date_of_birth else patient.name


def write_plan(sheets: Sheets, plan: PlanOfCare) -> None:
    sheets.heading(plan.title)
    end = f" to {plan.target_end_on}" if plan.target_end_on else ""
    sheets.small(
        f"{plan.get_status_display()} · {plan.starts_on}{end} · by {plan.doctor.name} · version {plan.version}"
    )
    sheets.field("Diagnosis", plan.diagnosis)
    sheets.field("Frequency", plan.frequency)
    sheets.field("Progress", _progress(plan))
    for number, goal in enumerate(plan.goals.all(), 1):
        _write_goal(sheets, number, goal)


def _progress(plan: PlanOfCare) -> str:
    goals = f"{plan.goals_met} of {plan.goals_in_all} goals met" if plan.goals_in_all else "No goals"
    dropped = f", {plan.goals_dropped} dropped" if plan.goals_dropped else ""
    visits = f"{plan.appointments_done} appointments done, {plan.appointments_to_come} to come"
    return f"{goals}{dropped} ({plan.percent} %). {plan.sessions_held} sessions. {visits}."


def _write_goal(sheets: Sheets, number: int, goal: Goal) -> None:
    due = f" · due {goal.due_on}" if goal.due_on else ""
    sheets.field(f"Goal {number} · {goal.get_status_display()}{due}", goal.text)
    sheets.field("Measure", goal.measure, indent=INDENT)
    sheets.field("Target", goal.target, indent=INDENT)
    for seen in goal.progress.all():
        became = f" · {seen.get_status_display()}" if seen.status else ""
        sheets.field(f"{seen.date} · {seen.author.name}{became}", seen.text, indent=INDENT)
