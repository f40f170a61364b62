"""A plan of care as a PDF, from the data that the API returns."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.utils.translation import gettext, ngettext

from accounts.models import User
from core.formats import format_day
from core.regional import in_practice_time
from patients.serializers import Chart
from practices.models import Practice
from records.models import PlanOfCare
from records.plans.serializers import PlanShape
from records.printing import INDENT, Document
from records.versions.labels import field_label, status_label

ApiData = Mapping[str, Any]


@in_practice_time
def plan_pdf(plan: PlanOfCare, *, practice: Practice, by: User) -> bytes:
    """Return the PDF of a plan from `get_plan`. Text that can't be decrypted is replaced by a mark."""
    printed, patient = BytesIO(), Chart.to_dict(plan.patient)
    about = patient_label(patient["name"], patient["dateOfBirth"])
    document = Document(printed, title=gettext("Plan of care"), about=about, practice=practice, by=by)
    document.field(gettext("Patient"), about)
    write_plan(document, PlanShape.to_dict(plan), version_count=plan.versions.count())
    document.close()
    return printed.getvalue()


def patient_label(name: str, date_of_birth: Any) -> str:
    """Return name and date of birth, to tell two patients of one name apart."""
    if not date_of_birth:
        return name
    return gettext("%(patient)s, born %(day)s") % {"patient": name, "day": format_day(date_of_birth)}


def write_plan(document: Document, plan: ApiData, *, version_count: int) -> None:
    """Write the plan; the number of the newest version is `version_count`."""
    document.heading(plan["title"])
    parts = [status_line(plan), gettext("by %(person)s") % {"person": plan["doctorName"]}]
    if plan["amendedAt"]:
        amended = {"moment": document.stamp(plan["amendedAt"]), "number": version_count}
        parts.append(gettext("as amended on %(moment)s, version %(number)s") % amended)
    else:
        parts.append(gettext("version %(number)s") % {"number": version_count})
    document.small(" · ".join(parts))
    write_details(document, plan)
    document.field(gettext("Progress"), _progress(plan["progress"]))


def _progress(counts: ApiData) -> str:
    goals = ngettext(
        "%(goalsMet)s of %(goals)s goal met, %(goalsDropped)s dropped (%(percent)s%%).",
        "%(goalsMet)s of %(goals)s goals met, %(goalsDropped)s dropped (%(percent)s%%).",
        counts["goals"],
    )
    sessions = ngettext("%(sessions)s session.", "%(sessions)s sessions.", counts["sessions"])
    visits = ngettext(
        "%(appointmentsDone)s appointment completed, %(appointmentsToCome)s upcoming.",
        "%(appointmentsDone)s appointments completed, %(appointmentsToCome)s upcoming.",
        counts["appointmentsDone"],
    )
    return " ".join((goals, sessions, visits)) % counts


def status_line(plan: ApiData) -> str:
    """Return, for example, `Active, Nov 2, 2026 to Dec 24, 2026`."""
    span = {"status": status_label(plan["status"]), "start": format_day(plan["startsOn"])}
    if not plan["targetEndOn"]:
        return gettext("%(status)s, %(start)s") % span
    return gettext("%(status)s, %(start)s to %(end)s") % {**span, "end": format_day(plan["targetEndOn"])}


def write_details(document: Document, plan: ApiData, *, indent: float = 0) -> None:
    """Write what an amendment may change, apart from title and dates."""
    document.field(field_label("diagnosis"), plan["diagnosis"], indent=indent)
    document.field(field_label("frequency"), plan["frequency"], indent=indent)
    document.field(field_label("plannedVisits"), str(plan.get("plannedVisits") or ""), indent=indent)
    for number, goal in enumerate(plan["goals"], 1):
        _write_goal(document, number, goal, indent)


def _write_goal(document: Document, number: int, goal: ApiData, indent: float) -> None:
    known = {"number": number, "status": status_label(goal["status"]).lower()}
    if goal["dueOn"]:
        heading = gettext("Goal %(number)s (%(status)s, due %(day)s)") % {**known, "day": format_day(goal["dueOn"])}
    else:
        heading = gettext("Goal %(number)s (%(status)s)") % known
    document.field(heading, goal["text"], indent=indent)
    document.field(gettext("Measure"), goal["measure"], indent=indent + INDENT)
    document.field(gettext("Target"), goal["target"], indent=indent + INDENT)
    for entry in goal.get("progress", ()):
        became = f" ({status_label(entry['status']).lower()})" if entry["status"] else ""
        written = f"{format_day(entry['date'])}, {entry['authorName']}{became}"
        measured = "" if entry.get("value") is None else f"{entry['value']:g}"
        said = ": ".join(part for part in (measured, entry["text"]) if part)
        document.field(written, said, indent=indent + INDENT)
