"""What happened with a patient, latest first: visits, notes, records, plans, files, measures, body charts and messages
in one list.

Each kind is asked for as many rows as a page has, from the place where the page before ended, and they are merged: as
many queries for a chart of a thousand entries as for one of three. The place is a moment and an id, which are a total
order over all kinds. The chart is open to whoever reads it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db import models
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar import facts
from appointments.calendar.links import day_address
from appointments.models import Appointment
from core.api.pagination import MAX_CURSOR_LENGTH, UNKNOWN_CURSOR
from core.errors import Invalid
from core.formats import format_date, format_datetime, format_day, format_local_datetime
from core.permissions import Permission
from notifications.models import Message
from patients.models import Patient
from records.body_charts.drawing import in_words
from records.chart import links
from records.models import Attachment, BodyChart, Measure, MedicalRecord, PlanOfCare, SessionNote
from records.models.measure import series_title
from records.models.note import SECTIONS

SIZE = 20


class TimelineKind(models.TextChoices):
    VISITS = "visits", _("Visits")
    NOTES = "notes", _("Notes")
    RECORDS = "records", _("Records")
    PLANS = "plans", _("Plans")
    FILES = "files", _("Files")
    MEASURES = "measures", _("Measures")
    BODY = "body", _("Body charts")
    MESSAGES = "messages", _("Messages sent")


class Place(NamedTuple):
    at: datetime
    pk: UUID


class Entry(NamedTuple):
    """`rows` are several where they are of one moment: what was measured at once."""

    kind: TimelineKind
    at: datetime
    rows: list[Any]
    address: str

    @property
    def row(self) -> Any:
        return self.rows[0]

    @property
    def template(self) -> str:
        return f"records/chart/entry_{self.kind}.html"

    @property
    def when(self) -> str:
        if self.kind == TimelineKind.VISITS:
            return format_local_datetime(self.row, self.at)
        if self.kind == TimelineKind.PLANS:
            return format_day(self.row.starts_on)
        return format_date(self.at) if self.kind == TimelineKind.FILES else format_datetime(self.at)

    @property
    def state(self) -> str:
        """What is known of a visit, in the words of the calendar's list."""
        return facts.describe_alone(self.row, self.row.tzinfo)

    @property
    def remark(self) -> str:
        """Return what is remarked on every one of the measures."""
        remarks = {row.remark for row in self.rows}
        return remarks.pop() if len(remarks) == 1 else ""

    @property
    def measured(self) -> list[tuple[Any, str, str]]:
        """Return what was measured, the value, and what is remarked on it alone."""
        shared = self.remark
        return [(series_title(row.series), row.shown_value, "" if shared else row.remark) for row in self.rows]

    @property
    def marked(self) -> list[str]:
        return in_words(self.row.mark_list)

    @property
    def place(self) -> Place:
        return Place(self.at, self.row.pk)


class Source(NamedTuple):
    """Where the entries of a kind come from; `column` is the moment or the day that they stand at."""

    needs: Permission
    column: str
    rows: Callable[[User, Patient], QuerySet[Any]]
    address: Callable[[Any], str]


def _visits(by: User, chart: Patient) -> QuerySet[Any]:
    visits = Appointment.objects.visible_to(by).filter(patient=chart).with_offices().select_related("type")
    return visits.defer("notes", "last_writes", *(f"doctor__{name}" for name in ("email", "phone", "password")))


def _notes(by: User, chart: Patient) -> QuerySet[Any]:
    return _of(SessionNote, by, chart).only("date", "status", *SECTIONS, "doctor__name")


def _records(by: User, chart: Patient) -> QuerySet[Any]:
    return _of(MedicalRecord, by, chart).only("date", "diagnosis", "prescription", "notes", "doctor__name")


def _plans(by: User, chart: Patient) -> QuerySet[Any]:
    columns = (
        "patient_id",
        "starts_on",
        "target_end_on",
        "title",
        "diagnosis",
        "frequency",
        "status",
        "planned_visits",
    )
    return _of(PlanOfCare, by, chart).only(*columns, "doctor__name").with_progress()


def _of(model: Any, by: User, chart: Patient) -> Any:
    return model.objects.readable_by(by).filter(patient=chart).select_related("doctor")


def _files(by: User, chart: Patient) -> QuerySet[Any]:
    # not joined: that would drop files which a platform superuser has added
    files = Attachment.objects.readable_by(by).filter(patient=chart).prefetch_related("uploaded_by")
    columns = ("created_at", "name", "media_type", "size", "state", "category", "seen_at", "uploaded_by_id")
    return files.only(*columns, "patient_id")


def _measures(by: User, chart: Patient) -> QuerySet[Any]:
    return _of(Measure, by, chart).only("patient_id", "kind", "measured_at", "reading", "remark", "doctor__name")


def _body_charts(by: User, chart: Patient) -> QuerySet[Any]:
    return _of(BodyChart, by, chart).only("patient_id", "drawn_at", "marks", "remark", "doctor__name")


def _messages(_by: User, chart: Patient) -> QuerySet[Any]:
    """What was sent; neither its text, which says what the other entries do, nor what is only planned."""
    sent = Message.objects.filter(patient=chart, sent_at__isnull=False)
    return sent.only("kind", "channel", "status", "sent_at")


SOURCES: dict[TimelineKind, Source] = {
    TimelineKind.VISITS: Source(Permission.READ_APPOINTMENTS, "starts_at", _visits, day_address),
    TimelineKind.NOTES: Source(Permission.READ_RECORDS, "date", _notes, lambda row: links.note_address(row.pk)),
    TimelineKind.RECORDS: Source(Permission.READ_RECORDS, "date", _records, lambda row: links.record_address(row.pk)),
    TimelineKind.PLANS: Source(
        Permission.READ_RECORDS, "starts_on", _plans, lambda row: links.plan_address(row.patient_id, row.pk)
    ),
    TimelineKind.FILES: Source(
        Permission.READ_RECORDS, "created_at", _files, lambda row: links.file_address(row.patient_id, row.pk)
    ),
    TimelineKind.MEASURES: Source(
        Permission.READ_RECORDS, "measured_at", _measures, lambda row: reverse("chart_measures", args=[row.patient_id])
    ),
    TimelineKind.BODY: Source(
        Permission.READ_RECORDS, "drawn_at", _body_charts, lambda row: reverse("chart_body", args=[row.patient_id])
    ),
    TimelineKind.MESSAGES: Source(Permission.READ_APPOINTMENTS, "sent_at", _messages, lambda row: ""),
}


def kinds_for(user: User) -> list[TimelineKind]:
    return [kind for kind, source in SOURCES.items() if user.can(source.needs)]


class Timeline(NamedTuple):
    entries: list[Entry]
    cursor: str | None  # of the next page


def read_timeline(*, by: User, chart: Patient, kind: TimelineKind | None = None, cursor: str = "") -> Timeline:
    """Return the page of entries that begins at the cursor: of one kind, or of all. Visits to come are shown among
    visits alone; they would push what has happened off the page. Raises Invalid for a cursor of another chart."""
    place = _place(chart, cursor) if cursor else None
    _start, tomorrow = chart.practice.day_bounds(chart.practice.today())
    found: list[Entry] = []
    for each in kinds_for(by) if kind is None else [kind]:
        source = SOURCES[each]
        rows = source.rows(by, chart).order_by(f"-{source.column}", "-pk")
        if kind is None and each == TimelineKind.VISITS:
            rows = rows.filter(starts_at__lt=tomorrow)
        if place is not None:
            rows = rows.filter(_before(source.column, place))
        found += _entries(each, rows[: SIZE + 1])
    found.sort(key=lambda entry: entry.place, reverse=True)
    is_more = len(found) > SIZE
    cursor_of_next = _cursor(chart, found[SIZE - 1].place) if is_more else None
    return Timeline(_gathered(found[:SIZE]), cursor_of_next)


def _entries(kind: TimelineKind, rows: Iterable[Any]) -> list[Entry]:
    source = SOURCES[kind]
    return [Entry(kind, _moment(getattr(row, source.column)), [row], source.address(row)) for row in rows]


def _gathered(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with those as one that somebody wrote down together: a set of measures of one minute."""
    found: list[Entry] = []
    for entry in entries:
        last = found[-1] if found else None
        if last and entry.kind == last.kind == TimelineKind.MEASURES and _is_together(entry, last):
            last.rows.insert(0, entry.row)  # in the order of the form
        else:
            found.append(entry)
    return found


def _is_together(entry: Entry, last: Entry) -> bool:
    return entry.row.doctor_id == last.row.doctor_id and abs(last.at - entry.at) < timedelta(minutes=1)


def _moment(value: Any) -> datetime:
    """Return the moment, or the beginning of the day."""
    return value if isinstance(value, datetime) else datetime.combine(value, time.min, timezone.get_current_timezone())


def _before(column: str, place: Place) -> Q:
    """Match the rows that come after the place in the list, which begins with the latest."""
    at: Any = place.at
    if column == "starts_on":
        at = timezone.localdate(place.at)
        if _moment(at) < place.at:  # the place is later on that day
            return Q(**{f"{column}__lte": at})
    return Q(**{f"{column}__lt": at}) | Q(**{column: at, "pk__lt": place.pk})


def _signer(chart: Patient) -> Signer:
    return Signer(salt=f"timeline:{chart.pk}")


def _cursor(chart: Patient, place: Place) -> str:
    return _signer(chart).sign_object([place.at.isoformat(), str(place.pk)])


def _place(chart: Patient, cursor: str) -> Place:
    try:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise BadSignature
        at, pk = _signer(chart).unsign_object(cursor)
    except (BadSignature, ValueError) as error:
        raise Invalid("cursor", UNKNOWN_CURSOR) from error
    return Place(datetime.fromisoformat(at), UUID(pk))
