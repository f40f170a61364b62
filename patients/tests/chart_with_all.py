"""A chart with one row of every deletable model."""

from types import SimpleNamespace

from appointments.tests.factories import AppointmentFactory
from patients.tests.factories import PatientFactory
from records.models import Attachment
from records.models.attachment import FileState
from records.tests.factories import (
    BodyChartFactory,
    ChartEntryFactory,
    FinalisedNoteFactory,
    MeasureFactory,
    MedicalRecordFactory,
    NoteFactory,
    PlanFactory,
    asked_form,
)


def file_of(chart, by, **fields):
    """Create the row only; nothing is stored."""
    number = Attachment.with_deleted.count()
    given = {
        "name": "scan.pdf",
        "media_type": "application/pdf",
        "size": 10,
        "state": FileState.READY,
        "data_key": b"k" * 32,
    }
    return Attachment.objects.create(
        patient=chart, uploaded_by=by, **{"storage_name": f"{chart.pk}/{number}", **given, **fields}
    )


def chart_with_all(doctor, **fields):
    """Call within a practice's scope. Return the rows by their API names, and `draft`."""
    chart = PatientFactory(**fields)
    row = {"patient": chart, "doctor": doctor}
    return SimpleNamespace(
        patient=chart,
        form=asked_form(patient=chart, by=doctor),
        appointment=AppointmentFactory(**row),
        record=MedicalRecordFactory(**row),
        session=FinalisedNoteFactory(**row),
        draft=NoteFactory(**row),
        plan=PlanFactory(**row),
        chartEntry=ChartEntryFactory(**row),
        bodyChart=BodyChartFactory(**row),
        measure=MeasureFactory(**row),
        attachment=file_of(chart, doctor),
    )
