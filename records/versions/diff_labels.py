"""The content and changes of a version, as labels and texts for its page."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext

from core.formats import format_datetime, format_day
from records.models import Version
from records.versions.labels import field_label, status_label
from records.versions.services import ComparedVersion

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(rf"{_DAY.pattern}T[\d:.]+Z")


class Change(NamedTuple):
    label: str
    before: str
    after: str


class LabelledVersion(NamedTuple):
    """A version with its changes and its `full_text`, by label."""

    version: Version
    changes: list[Change]
    full_text: list[tuple[str, str]]


def labelled_versions(versions: list[ComparedVersion]) -> list[LabelledVersion]:
    """Return the versions with labels, newest first, since people look for the last change."""
    return [_label_version(one) for one in reversed(versions)]


def _label_version(one: ComparedVersion) -> LabelledVersion:
    changes = [
        Change(field_label(name), text_of(pair["before"]), text_of(pair["after"])) for name, pair in one.changes.items()
    ]
    content: dict[str, Any] = one.version.content  # type: ignore[attr-defined]
    return LabelledVersion(
        one.version, changes, [(field_label(name), text_of(value)) for name, value in content.items()]
    )


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(_goal(item) if isinstance(item, dict) else str(item) for item in value)
    text = str(value)
    if _DAY.fullmatch(text):
        return format_day(text)
    if _MOMENT.fullmatch(text):
        return format_datetime(datetime.fromisoformat(text))
    return status_label(text)


def _goal(goal: dict[str, Any]) -> str:
    measured = ": ".join(part for part in (goal.get("measure"), goal.get("target")) if part)
    due = gettext("due %(day)s") % {"day": text_of(goal["dueOn"])} if goal.get("dueOn") else ""
    details = ", ".join(part for part in (measured, due, text_of(goal.get("status")).lower()) if part)
    return f"{goal.get('text', '')} ({details})"
