"""A chart with all that is in it, in its patient's hand (45 CFR 164.524): one ZIP, made while it is sent.

`chart.json` holds everything as the API's own shapes have it, earlier versions too; `chart.pdf` the same to read; the
files lie in `files/`. What is deleted is not in it, nor a draft with its files. The view's scope is closed by the time
the answer is sent, so each page of rows opens it again, and none is open while a part is on its way.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone
from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from accounts.models import User
from appointments.models import Appointment
from appointments.serializers import AppointmentShape
from core.api.json import dumps
from core.tenancy import practice_scope
from patients.models import Patient
from patients.serializers import Chart
from practices.models import Practice
from records.chart_pdf import write_chart
from records.export_serializers import ExportedFile, ExportedNote, ExportedPlan, ExportedRecord, with_versions
from records.files.zips import add_files
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote
from records.models.attachment import SHOWN, State
from records.plans import whole

ROWS = 100  # read at once
CHUNK = 64 * 1024  # bytes
FORMAT = 1


class Part(NamedTuple):
    """What is read of a chart: `rows()` inside the practice's scope, and the shape that each row is shown in."""

    name: str
    rows: Callable[[], Any]
    shape: Callable[[Any], dict[str, Any]]


def exported(chart: Patient, *, practice: Practice, by: User) -> Iterator[bytes]:
    """The ZIP. What cannot be decrypted or read from the storage is marked or named in it, and takes nothing else with
    it."""
    parts, moment = _parts(chart.pk), timezone.now()
    chart_shown = Chart.of(chart)
    stream = ZipStream(compress_type=ZIP_STORED)
    stream.add(_json(chart_shown, parts, practice, moment), "chart.json", compress_type=ZIP_DEFLATED)
    yield from stream.all_files()
    stream.add(_pdf(chart_shown, parts, practice, by), "chart.pdf")
    yield from stream.all_files()
    with practice_scope(practice.pk):
        ready = Attachment.objects.finalised().filter(patient=chart, state=State.READY).order_by("id")
        files = list(ready.values_list("pk", flat=True))
    yield from add_files(stream, files, practice_id=practice.pk, folder="files/")
    yield from stream.finalize()


def _parts(chart_id: UUID) -> list[Part]:
    def of_chart(model: Any, *order: str, **narrowed: Any) -> Any:
        return model.objects.filter(patient=chart_id, **narrowed).with_people().order_by(*order)

    finalised = {"finalised_at__isnull": False}
    return [
        Part("appointments", lambda: of_chart(Appointment, "starts_at", "id"), AppointmentShape.of),
        Part("records", lambda: of_chart(MedicalRecord, "date", "id"), partial(with_versions, ExportedRecord)),
        Part(
            "sessions", lambda: of_chart(SessionNote, "date", "id", **finalised), partial(with_versions, ExportedNote)
        ),
        Part("plans", lambda: whole(of_chart(PlanOfCare, "starts_on", "id")), partial(with_versions, ExportedPlan)),
        Part("files", lambda: of_chart(Attachment, "id", state__in=SHOWN).finalised(), ExportedFile.of),
    ]


def _shown(part: Part, practice_id: UUID) -> Iterator[dict[str, Any]]:
    """Which rows is settled at the beginning; the rows themselves are read page by page."""
    with practice_scope(practice_id):
        keys = list(part.rows().prefetch_related(None).values_list("pk", flat=True))
    for start in range(0, len(keys), ROWS):
        with practice_scope(practice_id):
            page = [part.shape(row) for row in part.rows().filter(pk__in=keys[start : start + ROWS])]
        yield from page


def _json(chart: dict[str, Any], parts: list[Part], practice: Practice, moment: datetime) -> Iterator[bytes]:
    head = {"format": FORMAT, "exportedAt": moment, "practice": practice.name, "patient": chart}
    yield dumps(head)[:-1]
    for part in parts:
        yield b"," + dumps(part.name) + b":["
        for number, row in enumerate(_shown(part, practice.pk)):
            yield (b"," if number else b"") + dumps(row)
        yield b"]"
    yield b"}"


def _pdf(chart: dict[str, Any], parts: list[Part], practice: Practice, by: User) -> Iterator[bytes]:
    """reportlab makes the file at its end; until then its pages are held, compressed."""
    printed = BytesIO()
    contents = {part.name: _shown(part, practice.pk) for part in parts}
    write_chart(printed, chart, contents, practice=practice, by=by)
    printed.seek(0)
    while chunk := printed.read(CHUNK):
        yield chunk
