"""Export of a complete chart for its patient (45 CFR 164.524): one ZIP, generated while it is sent.

`chart.json` holds everything as the API returns it, with earlier versions; `chart.pdf` the same to read; the files are
in `files/`. Deleted entries and drafts with their files are left out. The view's practice scope is closed by the time
the response is sent, so each page of rows opens it again, and it is never open while a part is being sent.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from accounts.models import User
from appointments.models import Appointment
from appointments.serializers import AppointmentShape
from core.api.renderers import dumps
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.serializers import Chart
from practices.models import Practice
from records.attachments.archives import add_files
from records.export.chart_pdf import write_chart
from records.export.further import FURTHER
from records.export.serializers import (
    ExportedBodyChart,
    ExportedEntry,
    ExportedFile,
    ExportedMeasure,
    ExportedNote,
    ExportedPlan,
    ExportedRecord,
    with_versions,
)
from records.models import Attachment, BodyChart, ChartEntry, Measure, MedicalRecord, PlanOfCare, SessionNote
from records.models.attachment import VISIBLE_STATES, FileState
from records.plans.services import with_details

ROWS = 100  # read at once
CHUNK = 64 * 1024  # bytes
FORMAT = 1
BODY_CHARTS = Q(note=None) | Q(note__finalised_at__isnull=False)  # none of a draft


class Part(NamedTuple):
    """A section of the export: `rows()` is called inside the practice's scope, and `serialize` turns each row into
    data."""

    name: str
    rows: Callable[[], Any]
    serialize: Callable[[Any], dict[str, Any]]


def export_chart(chart: Patient, *, practice: Practice, by: User) -> Iterator[bytes]:
    """Yield the ZIP. What cannot be decrypted or read from storage is marked or listed in it, and everything else is
    still exported."""
    parts, moment = _parts(chart.pk), timezone.now()
    chart_data = Chart.to_dict(chart)
    stream = ZipStream(compress_type=ZIP_STORED)
    stream.add(_json(chart_data, parts, practice, moment), "chart.json", compress_type=ZIP_DEFLATED)
    yield from stream.all_files()
    stream.add(_pdf(chart_data, parts, practice, by), "chart.pdf")
    yield from stream.all_files()
    with practice_scope(practice.pk):
        ready = Attachment.objects.finalised().filter(patient=chart, state=FileState.READY).order_by("id")
        files = list(ready.values_list("pk", flat=True))
    yield from add_files(stream, files, practice_id=practice.pk, folder="files/")
    yield from stream.finalize()


def _parts(chart_id: UUID) -> list[Part]:
    def of_chart(model: Any, *order: str, **narrowed: Any) -> Any:
        return model.objects.filter(patient=chart_id, **narrowed).with_people().order_by(*order)

    finalised = {"finalised_at__isnull": False}
    return [
        Part(
            "chartEntries",
            lambda: of_chart(ChartEntry, "kind", "status", "id"),
            partial(with_versions, ExportedEntry),
        ),
        Part("measures", lambda: of_chart(Measure, "measured_at", "id"), partial(with_versions, ExportedMeasure)),
        Part(
            "bodyCharts",
            lambda: of_chart(BodyChart, "drawn_at", "id").filter(BODY_CHARTS),
            partial(with_versions, ExportedBodyChart),
        ),
        Part("appointments", lambda: of_chart(Appointment, "starts_at", "id"), AppointmentShape.to_dict),
        Part("records", lambda: of_chart(MedicalRecord, "date", "id"), partial(with_versions, ExportedRecord)),
        Part(
            "sessions", lambda: of_chart(SessionNote, "date", "id", **finalised), partial(with_versions, ExportedNote)
        ),
        Part(
            "plans",
            lambda: with_details(of_chart(PlanOfCare, "starts_on", "id")),
            partial(with_versions, ExportedPlan),
        ),
        Part("files", lambda: of_chart(Attachment, "id", state__in=VISIBLE_STATES).finalised(), ExportedFile.to_dict),
        *(Part(one.name, partial(one.rows, chart_id), one.serialize) for one in FURTHER.values()),
    ]


def _serialize_rows(part: Part, practice_id: UUID) -> Iterator[dict[str, Any]]:
    """Yield the rows' data. The set of rows is fixed at the beginning; the rows are read page by page."""
    with practice_scope(practice_id):
        keys = list(part.rows().prefetch_related(None).values_list("pk", flat=True))
    for start in range(0, len(keys), ROWS):
        with practice_scope(practice_id):
            page = [part.serialize(row) for row in part.rows().filter(pk__in=keys[start : start + ROWS])]
        yield from page


def _json(chart: dict[str, Any], parts: list[Part], practice: Practice, moment: datetime) -> Iterator[bytes]:
    head = {"format": FORMAT, "exportedAt": moment, "practice": practice.name, "patient": chart}
    yield dumps(head)[:-1]
    for part in parts:
        yield b"," + dumps(part.name) + b":["
        for number, row in enumerate(_serialize_rows(part, practice.pk)):
            yield (b"," if number else b"") + dumps(row)
        yield b"]"
    yield b"}"


def _pdf(chart: dict[str, Any], parts: list[Part], practice: Practice, by: User) -> Iterator[bytes]:
    """Yield the PDF. reportlab writes the file at its end; until then its pages are kept in memory, compressed."""
    printed = BytesIO()
    contents = {part.name: _serialize_rows(part, practice.pk) for part in parts}
    write_chart(printed, chart, contents, practice=practice, by=by)
    printed.seek(0)
    while chunk := printed.read(CHUNK):
        yield chunk
