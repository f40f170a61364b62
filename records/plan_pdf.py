"""A plan of care on paper, from what the API shows of it."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from accounts.models import User
from patients.serializers import Chart
from practices.models import Practice
from records.models import PlanOfCare
from records.plan_serializers import PlanShape
from records.printing import INDENT, Sheets

Shown = Mapping[str, Any]
OVERVIEW = "{goalsMet} of {goals} goals met, {goalsDropped} dropped ({percent} %). {sessions} sessions, "
VISITS = "{appointmentsDone} appointments done, {appointmentsToCome} to come."


def plan_pdf(plan: PlanOfCare, *, practice: Practice, by: User) -> bytes:
    """Of a plan as records/plans.py `plan_for` reads it. A mark stands for what cannot be decrypted."""
    printed, patient = BytesIO(), Chart.of(plan.patient)
    about = who(patient["name"], patient["dateOfBirth"])
    sheets = Sheets(printed, title="Plan of care", about=about, practice=practice, by=by)
    sheets.field("Patient", about)
    write_plan(sheets, PlanShape.of(plan), kept=plan.versions.count())
    sheets.close()
    return printed.getvalue()


def who(name: str, born: object) -> str:
    """Enough to tell the sheets of two patients of one name apart."""
    return f"{name}, born {born}" if born else name


def write_plan(sheets: Sheets, plan: Shown, *, kept: int) -> None:
    """`kept`: how many versions there are; the newest has that number."""
    sheets.heading(plan["title"])
    amended = f"as amended on {sheets.stamp(plan['amendedAt'])}, " if plan["amendedAt"] else ""
    sheets.small(f"{days(plan)} · by {plan['doctorName']} · {amended}version {kept}")
    write_terms(sheets, plan)
    sheets.field("Progress", (OVERVIEW + VISITS).format(**plan["progress"]))


def days(plan: Shown) -> str:
    """Active, 2026-11-02 to 2026-12-24."""
    end = f" to {plan['targetEndOn']}" if plan["targetEndOn"] else ""
    return f"{plan['status'].capitalize()}, {plan['startsOn']}{end}"


def write_terms(sheets: Sheets, plan: Shown, *, indent: float = 0) -> None:
    """What an amendment may change of it, its title and days apart."""
    sheets.field("Diagnosis", plan["diagnosis"], indent=indent)
    sheets.field("Frequency", plan["frequency"], indent=indent)
    for number, goal in enumerate(plan["goals"], 1):
        _write_goal(sheets, number, goal, indent)


def _write_goal(sheets: Sheets, number: int, goal: Shown, indent: float) -> None:
    due = f", due {goal['dueOn']}" if goal["dueOn"] else ""
    sheets.field(f"Goal {number} ({goal['status']}{due})", goal["text"], indent=indent)
    sheets.field("Measure", goal["measure"], indent=indent + INDENT)
    sheets.field("Target", goal["target"], indent=indent + INDENT)
    for seen in goal.get("progress", ()):
        became = f" ({seen['status']})" if seen["status"] else ""
        sheets.field(f"{seen['date']}, {seen['authorName']}{became}", seen["text"], indent=indent + INDENT)
