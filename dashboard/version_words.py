"""What a version of a note, a record or a plan says and changed, in the words of its page."""

import re
from datetime import date, datetime
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.text import capfirst

from dashboard.moments import moment
from records.models import Version
from records.models.plan import GoalStatus
from records.models.plan import Status as PlanStatus
from records.versions import UNREADABLE, Compared

LABELS = {
    "durationMinutes": "Minutes",
    "date": "Session",
    "appointmentId": "Appointment",
    "planId": "Plan of care",
    "startsOn": "Start",
    "targetEndOn": "Target end",
    UNREADABLE: "Text that cannot be decrypted",
}
STATUSES = {value: str(label) for value, label in (*PlanStatus.choices, *GoalStatus.choices)}
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(rf"{_DAY.pattern}T[\d:.]+Z")


class Change(NamedTuple):
    label: str
    before: str
    after: str


class Told(NamedTuple):
    """`said`: the whole of it, by label."""

    version: Version
    changes: list[Change]
    said: list[tuple[str, str]]


def told(kept: list[Compared]) -> list[Told]:
    """The newest first, as somebody looks for what was changed last."""
    return [_told(one) for one in reversed(kept)]


def _told(one: Compared) -> Told:
    changes = [Change(_label(name), _text(pair["before"]), _text(pair["after"])) for name, pair in one.changes.items()]
    content: dict[str, Any] = one.version.content  # type: ignore[attr-defined]
    return Told(one.version, changes, [(_label(name), _text(value)) for name, value in content.items()])


def _label(name: str) -> str:
    return LABELS.get(name) or capfirst(_HUMP.sub(" ", name).lower())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(_goal(item) if isinstance(item, dict) else str(item) for item in value)
    text = str(value)
    if _DAY.fullmatch(text):
        return date_format(date.fromisoformat(text), "DATE_FORMAT")
    if _MOMENT.fullmatch(text):
        return moment(datetime.fromisoformat(text))
    return STATUSES.get(text, text)


def _goal(goal: dict[str, Any]) -> str:
    measured = ": ".join(part for part in (goal.get("measure"), goal.get("target")) if part)
    due = f"due {_text(goal['dueOn'])}" if goal.get("dueOn") else ""
    told = ", ".join(part for part in (measured, due, _text(goal.get("status")).lower()) if part)
    return f"{goal.get('text', '')} ({told})"
