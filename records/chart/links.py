"""Where the parts of a chart are read and written."""

from uuid import UUID

from django.urls import reverse


def chart_address(patient_id: UUID) -> str:
    return reverse("chart", args=[patient_id])


def note_address(note_id: UUID) -> str:
    """Return where a note is read, and a draft written on."""
    return reverse("note-edit", args=[note_id])


def new_note_address(patient_id: UUID, visit_id: UUID | None = None) -> str:
    """Return where a note of this patient, and visit, is begun."""
    address = reverse("note-new", args=[patient_id])
    return f"{address}?visit={visit_id}" if visit_id else address


def record_address(record_id: UUID) -> str:
    return reverse("admin:records_medicalrecord_change", args=[record_id])


def plan_address(patient_id: UUID, plan_id: UUID) -> str:
    return reverse("chart_plan", args=[patient_id, plan_id])


def file_address(patient_id: UUID, file_id: UUID) -> str:
    return reverse("chart_file", args=[patient_id, file_id])
