"""A chart with one of everything that can be deleted in it."""

from types import SimpleNamespace

from appointments.tests.factories import AppointmentFactory
from patients.tests.factories import PatientFactory
from records.models import Attachment
from records.models.attachment import State
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory, PlanFactory


def file_of(chart, by, **fields):
    """Its row alone; nothing is in the storage."""
    number = Attachment.with_deleted.count()
    given = {
        "name": "scan.pdf",
        "media_type": "application/pdf",
        "size": 10,
        "state": State.READY,
        "data_key": b"k" * 32,
    }
    return Attachment.objects.create(
        patient=chart, uploaded_by=by, **{"storage_name": f"{chart.pk}/{number}", **given, **fields}
    )


def chart_with_all(doctor, **fields):
    """Within a practice's scope. Rows by the names that the list of the deleted gives them, and `draft`."""
    chart = PatientFactory(**fields)
    row = {"patient": chart, "doctor": doctor}
    return SimpleNamespace(
        patient=chart,
        appointment=AppointmentFactory(**row),
        record=MedicalRecordFactory(**row),
        session=FinalisedNoteFactory(**row),
        draft=NoteFactory(**row),
        plan=PlanFactory(**row),
        attachment=file_of(chart, doctor),
    )
