"""Everything that the trail holds of an event, as names and values in words: for a closer look than wording.py gives.

A name or value without words, such as an id, is shown as it is stored, so that nothing is left out."""

from datetime import date, datetime
from typing import Any

import orjson
from django.apps import apps
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.text import capfirst
from django.utils.timezone import is_aware
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.roles import Role
from audit.events import AuditEvent
from audit.models import Event
from audit_review.wording import FILTERS, field_name, model_name, phrase
from core.formats import format_datetime, format_day

NAMES = {
    "about": _("Kind of entry"),
    "again": _("Repeated"),
    "api_key": _("API key"),
    "appointment": _("Appointment"),
    "as_role": _("Role"),
    "because": _("In common"),
    "count": _("Rows"),
    "door": _("Signed in by"),
    "email": _("Email"),
    "emergency": _("Emergency access"),
    "event": _("Event"),
    "fields": _("Fields"),
    "file": _("File"),
    "files": _("Files"),
    "filters": _("Filters"),
    "goal": _("Goal"),
    "hits": _("Results"),
    "id": _("ID"),
    "into": _("Merged into"),
    "key_id": _("Key"),
    "kind": _("Kind"),
    "limit": _("Rows per page"),
    "method": _("Way"),
    "page": _("Page"),
    "reason": _("Reason"),
    "request": _("Request ID"),
    "rows": _("Rows"),
    "searched": _("Searched"),
    "session": _("Session"),
    "state": _("Status"),
    "status": _("Status"),
    "browser": _("Browser"),
}
WORDED = {"because", "door", "method", "page", "reason", "status"}  # as wording.py has them


def explain(event: Event) -> list[tuple[str, str]]:
    """Return names and values: `[("Event", "Chart read (chart.read)"), ("ID", "0197…")]`."""
    kind = AuditEvent(event.kind).label if event.kind in AuditEvent else ""
    stored = {
        "event": f"{kind} ({event.kind})" if kind else event.kind,
        "about": capfirst(model_name(event)),
        "id": event.about_id,
        **orjson.loads(event.details),
        "browser": event.agent,
        "request": event.request_id,
    }
    return [
        (str(NAMES.get(name) or capfirst(name.replace("_", " "))), _in_words(event, name, value))
        for name, value in stored.items()
        if value not in ([], {}, "", None)
    ]


def _in_words(event: Event, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if name == "fields" and isinstance(value, list):
        return ", ".join(field_name(event, str(field)) for field in value)
    if name == "filters" and isinstance(value, dict):
        return ", ".join(f"{FILTERS.get(part) or part}: {_plain(inner)}" for part, inner in value.items())
    if name == "as_role" and value in Role:
        return str(Role(value).label)
    is_number_of_a_page = name == "page" and isinstance(value, int)
    worded = phrase(event, name, value) if name in WORDED and not is_number_of_a_page else ""
    return capfirst(worded) or _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{_kind(str(name))}: {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, str):
        moment = _as_moment(value)
        return value if moment is None else moment
    return f"{value:,}" if isinstance(value, int) else str(value)


def _as_moment(text: str) -> str | None:
    """Return a stored time or date as people read it; None if it is neither."""
    try:
        moment, day = parse_datetime(text), parse_date(text)
    except ValueError:
        return None
    if isinstance(day, date):
        return format_day(day)
    return format_datetime(moment) if isinstance(moment, datetime) and is_aware(moment) else None


def _kind(label: str) -> str:
    """Return `appointments.Appointment` as "appointments"."""
    try:
        return str(apps.get_model(label)._meta.verbose_name_plural)
    except (LookupError, ValueError):
        return label.replace("_", " ")
