"""What an event's details say to an office manager: words for people, and none for what only a machine reads."""

from typing import Any
from uuid import UUID

import orjson
from django.apps import apps
from django.template.defaultfilters import pluralize
from django.utils.text import capfirst

from audit.events import Kind, Outcome
from audit.models import Event
from patients.likely import Because

DATA = {Kind.CREATED, Kind.CHANGED, Kind.DELETED}  # whose label does not say of what
PAGES = {"index": "Today", "trail": "Audit trail", "autocomplete": "Suggestions of a form"}
PARTS = {"changelist": "list", "change": "opened", "add": "to add one", "delete": "to delete one"}  # of a model's pages
FILTERS = {"user": "person", "start": "from", "end": "to"}
STATUSES = {403: "not allowed", 404: "not there for them"}
REASONS = {reason.value: str(reason.label) for reason in Because}  # for a merge
FIELDS_NAMED = 6
UNTOLD = {"limit", "rows", "session"}


def about(event: Event) -> str:
    """`patients.Patient` as its forms call it."""
    try:
        return str(apps.get_model(event.about)._meta.verbose_name)
    except (LookupError, ValueError):
        return event.about


def in_words(event: Event) -> list[str]:
    """Short pieces, the most telling first: `["Patients, list", "25 hits"]`."""
    told: dict[str, Any] = orjson.loads(event.details)
    said = [_piece(name, value) for name, value in told.items() if name not in UNTOLD]
    if event.kind in DATA:
        said.insert(0, about(event))
    if event.outcome != Outcome.DONE and event.about_id and event.patients == "[]":
        said.append(f"asked for {event.about_id}")
    return [piece for piece in said if piece]


def _piece(name: str, value: Any) -> str:
    if name == "because" and isinstance(value, list):
        return ", ".join(REASONS.get(reason, str(reason)) for reason in value) or "nothing in common"
    if value in ([], {}, ""):
        return ""
    match name, value:
        case "page", str():
            return _page(value)
        case "page", int():
            return f"page {value}" if value > 1 else ""
        case "fields", list():
            return _some(value)
        case "filters", dict():
            return "filtered by " + ", ".join(FILTERS.get(filtered) or filtered for filtered in value)
        case "hits", int():
            return f"{value:,} hit{pluralize(value)}"
        case "count", int():
            return f"{value:,} row{pluralize(value)}"
        case "status", int():
            return STATUSES.get(value, f"status {value}")
        case "emergency", _:
            return "in an emergency"
        case "reason", str():
            return value.replace("_", " ")
    return "" if isinstance(value, list | dict) or _is_id(value) else f"{name}: {value}".replace("_", " ")


def _page(name: str) -> str:
    """`patients_patient_changelist` as "Patients, list"."""
    app, _, rest = name.partition("_")
    model, _, part = rest.partition("_")
    try:
        named = apps.get_model(app, model)._meta
    except (LookupError, ValueError):
        return PAGES.get(name, capfirst(name.replace("_", " ")))
    whose = named.verbose_name_plural if part == "changelist" else named.verbose_name
    return f"{capfirst(str(whose))}, {PARTS.get(part, part.replace('_', ' '))}"


def _some(fields: list[str]) -> str:
    named = ", ".join(field.replace("_", " ") for field in fields[:FIELDS_NAMED])
    left = len(fields) - FIELDS_NAMED
    return f"{named} and {left} more" if left > 0 else named


def _is_id(value: Any) -> bool:
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False
