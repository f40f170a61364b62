"""The names of what an entry of the clinical record holds, by its name in the API: on pages and in PDFs."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentStatus
from records.models.chart_entry import ChartEntryStatus
from records.models.note import NoteStatus
from records.models.plan import GoalStatus, PlanStatus
from records.versions.services import UNREADABLE

LABELS: dict[str, str | Promise] = {
    "reason": _("Reason"),
    "subjective": _("Subjective"),
    "objective": _("Objective"),
    "assessment": _("Assessment"),
    "plan": _("Plan"),
    "diagnosis": _("Diagnosis"),
    "prescription": _("Prescription"),
    "notes": _("Notes"),
    "attachments": _("Attachments"),
    "durationMinutes": _("Minutes"),
    "date": _("Session"),
    "appointmentId": _("Appointment"),
    "planId": _("Plan of care"),
    "text": _("Text"),
    "code": _("Code"),
    "codeSystem": _("Code system"),
    "dose": _("Dose and instructions"),
    "reaction": _("Reaction"),
    "severity": _("Severity"),
    "since": _("Since"),
    "until": _("Until"),
    "drawnAt": _("Drawn"),
    "marks": _("Marks"),
    "measuredAt": _("Measured"),
    "value": _("Value"),
    "diastolic": _("Diastolic"),
    "unit": _("Unit"),
    "joint": _("Joint"),
    "movement": _("Movement"),
    "side": _("Side"),
    "remark": _("Remark"),
    "title": _("Title"),
    "frequency": _("Frequency"),
    "plannedVisits": _("Planned visits"),
    "startsOn": _("Start"),
    "targetEndOn": _("Target end"),
    "status": _("Status"),
    "goals": _("Goals"),
    UNREADABLE: _("Text that can't be decrypted"),
}
_STATUSES = {
    value: label
    for choices in (AppointmentStatus, NoteStatus, PlanStatus, GoalStatus, ChartEntryStatus)
    for value, label in choices.choices
}


def field_label(name: str) -> str:
    return str(LABELS.get(name, name))


def status_label(status: str) -> str:
    """Return the status in words, such as `Active`; any other text unchanged."""
    return str(_STATUSES.get(status, status))
