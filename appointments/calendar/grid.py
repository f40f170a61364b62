"""A day of all doctors, or a week of one, as a grid: rows are quarters of an hour, columns are doctors or days. It is
built from what the database was asked for once, so that the number of queries does not hang on what it shows."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Sum
from django.utils.formats import date_format, time_format
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, gettext

from accounts.models import User
from appointments.calendar.facts import describe
from appointments.models import Appointment, AppointmentStatus, AppointmentType, ScheduleException, WorkingHours
from appointments.models.appointment_type import LONGEST
from appointments.schedule.availability import Calendar, load_calendars
from appointments.schedule.free_time import Window
from appointments.visits.machine import state_of
from core.encryption.fields import unreadable_marked
from practices.models import Office

STEP, DAY_MINUTES = 15, 24 * 60
OPENS, CLOSES = 8 * 60, 18 * 60  # shown at least
ROUNDED = 5
SHOWN = (
    *("starts_at", "ends_at", "type_id", "office_id", "version"),
    *("status", "confirmed_at", "arrived_at", "started_at", "no_show_at", "cancel_reason"),
)


class Visit(NamedTuple):
    """A visit as a column shows it; times are minutes of the local day."""

    row: Appointment
    begins: int
    ends: int
    start: str
    kind: AppointmentType | None
    shown: dict[str, str]


class Cell(TypedDict):
    """Dicts, which templates look into several times faster than into objects: a day has a thousand of these."""

    tag: str  # its opening tag: a template would put together a thousand of them for a day
    visits: list[dict[str, str]]


class Row(TypedDict):
    label: str
    css: str
    cells: list[Cell]


@dataclass
class Column:
    doctor: User
    day: date
    key: str
    title: str
    subtitle: str = ""
    picked: bool = False
    windows: list[Window] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)

    @property
    def is_in_use(self) -> bool:
        return bool(self.windows or self.visits)


@dataclass
class Grid:
    columns: list[Column]
    rows: list[Row]
    zone: ZoneInfo
    first: int  # minute of the day

    @property
    def appointments(self) -> list[Appointment]:
        return [visit.row for column in self.columns for visit in column.visits]


def day_bounds(days: Sequence[date], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first moment of the days and the first after them."""
    return (
        datetime.combine(days[0], time.min, zone).astimezone(UTC),
        datetime.combine(days[-1] + timedelta(days=1), time.min, zone).astimezone(UTC),
    )


def week_of(day: date) -> list[date]:
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=number) for number in range(7)]


def find_visits(by: User, start: datetime, end: datetime, doctor: User | None = None) -> list[Appointment]:
    """Return the visits between the two moments, cancelled ones too, by their start."""
    found = Appointment.objects.visible_to(by).filter(
        starts_at__gte=start - timedelta(minutes=LONGEST), starts_at__lt=end, ends_at__gt=start
    )
    if doctor is not None:
        found = found.filter(doctor=doctor)
    return list(found.with_shown_people(*SHOWN).order_by("starts_at", "id"))


def change_token(start: datetime, end: datetime) -> str:
    """Return a text that is another one whenever the calendar shows something else between the two moments."""
    visits = Appointment.objects.filter(starts_at__gte=start - timedelta(minutes=LONGEST), starts_at__lt=end)
    found = [
        visits.order_by().aggregate(number=Count("pk"), at=Max("updated_at"), version=Sum("version")),
        *(
            model.objects.order_by().aggregate(number=Count("pk"), at=Max("updated_at"))
            for model in (WorkingHours, ScheduleException, AppointmentType)
        ),
    ]
    parts = [f"{one['number']}.{one.get('version') or 0}.{one['at'].timestamp() if one['at'] else 0}" for one in found]
    return "-".join(parts)


# --- Building --------------------------------------------------------------------------------------------------------


def build_day(
    *, by: User, day: date, zone: ZoneInfo, office: Office | None, picked: UUID | None, types: dict[Any, Any]
) -> Grid:
    """Return a column for each doctor, those who work or have visits first; at one office, only of those."""
    start, end = day_bounds([day], zone)
    doctors = list(User.objects.doctors().select_related("office").order_by("id"))
    found = [row for row in find_visits(by, start, end) if row.status != AppointmentStatus.CANCELLED]
    calendars = load_calendars(doctors, start, end)
    known = {doctor.pk for doctor in doctors}
    gone = {row.doctor_id: row.doctor for row in found if row.doctor_id not in known}  # inactive by now
    with unreadable_marked():
        columns = [_column(calendar.doctor, day, calendar, start, end, office) for calendar in calendars]
        columns += [_column(doctor, day, None, start, end, office) for doctor in gone.values()]
        visits = _visits_by(found, lambda row: row.doctor_id, types=types, zone=zone, day=day, office=office)
    for column in columns:
        column.visits = visits.get(column.doctor.pk, [])
    offices = len({doctor.office_id for doctor in doctors}) > 1
    if offices:
        for column in columns:
            column.subtitle = column.doctor.office.name if column.doctor.office else ""
    if office is not None:
        columns = [one for one in columns if one.doctor.office_id == office.pk or one.windows or _is_at(office, one)]
    columns.sort(key=lambda one: not one.is_in_use)
    chosen = next((one for one in columns if one.doctor.pk == picked), None) or next(iter(columns), None)
    if chosen:
        chosen.picked = True
    return _grid(columns, zone)


def _is_at(office: Office, column: Column) -> bool:
    return any(visit.row.office_id == office.pk for visit in column.visits)


def build_week(*, by: User, day: date, zone: ZoneInfo, doctor: User, types: dict[Any, Any]) -> Grid:
    """Return a column for each day of the doctor's week, without a weekend on which nothing is."""
    days = week_of(day)
    start, end = day_bounds(days, zone)
    found = [row for row in find_visits(by, start, end, doctor) if row.status != AppointmentStatus.CANCELLED]
    (calendar,) = load_calendars([doctor], start, end)
    columns = []
    with unreadable_marked():
        for each in days:
            begins, ends = day_bounds([each], zone)
            column = _column(doctor, each, calendar, begins, ends, None)
            column.title, column.picked = date_format(each, "D"), each == day
            column.subtitle = date_format(each, "M j")
            theirs = [row for row in found if row.starts_at < ends and row.ends_at > begins]
            column.visits = _visits_by(theirs, lambda row: row.doctor_id, types=types, zone=zone, day=each).get(
                doctor.pk, []
            )
            columns.append(column)
    kept = [one for one in columns if one.day.weekday() < 5 or one.is_in_use or one.picked]
    return _grid(kept, zone)


def _column(
    doctor: User, day: date, calendar: Calendar | None, start: datetime, end: datetime, office: Office | None
) -> Column:
    column = Column(doctor, day, f"{doctor.pk.hex}-{day:%m%d}", doctor.name)
    if calendar is not None and doctor.is_active:
        first, last = start.timestamp(), end.timestamp()
        column.windows = [
            window
            for window in calendar.windows(start, end)
            if window.start < last and window.end > first and (office is None or window.office_id == office.pk)
        ]
    return column


def _visits_by(
    found: Iterable[Appointment],
    key: Any,
    *,
    types: dict[Any, Any],
    zone: ZoneInfo,
    day: date,
    office: Office | None = None,
) -> dict[Any, list[Visit]]:
    shown: dict[Any, list[Visit]] = {}
    for row in found:
        before = shown.setdefault(key(row), [])
        before.append(_visit(row, types.get(row.type_id), zone=zone, day=day, office=office, before=before))
    return shown


def _visit(
    row: Appointment,
    kind: AppointmentType | None,
    *,
    zone: ZoneInfo,
    day: date,
    office: Office | None,
    before: list[Visit],
) -> Visit:
    local = row.starts_at.astimezone(zone)
    begins = (local.date() - day).days * DAY_MINUTES + local.hour * 60 + local.minute
    ends = min(begins + row.minutes, DAY_MINUTES)
    start, end = _clock(local.hour * 60 + local.minute), _clock(ends % DAY_MINUTES)
    begins = max(begins, 0)
    beside = any(other.ends > begins for other in before[-3:])
    hours, minutes = divmod(max(ends - begins, ROUNDED), 60)
    is_elsewhere = office is not None and row.office_id not in (None, office.pk)
    css = (
        f"visit m{begins % STEP} dh{hours} dm{minutes} type-{row.type_id.hex if row.type_id else 'none'}"
        f" {row.status} is-{state_of(row)}"
        f"{' beside' if beside else ''}{' short' if ends - begins < 25 else ''}{' elsewhere' if is_elsewhere else ''}"
    )
    name = str(row.patient.name)
    state = describe(row, zone)
    said = [
        gettext("%(start)s to %(end)s") % {"start": start, "end": end},
        name,
        kind.name if kind else "",
        str(row.doctor.name),
        state,
    ]
    shown = {
        "pk": mark_safe(str(row.pk)),  # noqa: S308 - these two are ours
        "css": mark_safe(css),  # noqa: S308
        "version": str(row.version),
        "name": name,
        "state": state,
        "start": start,
        "kind": kind.name if kind else "",
        "label": ", ".join(text for text in said if text),
    }
    return Visit(row, begins, ends, start, kind, shown)


def _grid(columns: list[Column], zone: ZoneInfo) -> Grid:
    first, last = _range(columns, zone)
    days = {column.day: _Moments(column.day, zone) for column in columns}
    cells = [_cells(column, first, last, days[column.day]) for column in columns]
    rows = [
        Row(
            label=_clock(minute),
            css={0: "hour", 30: "half"}.get(minute % 60, ""),
            cells=[column[number] for column in cells],
        )
        for number, minute in enumerate(range(first, last, STEP))
    ]
    return Grid(columns, rows, zone, first)


def _range(columns: list[Column], zone: ZoneInfo) -> tuple[int, int]:
    """Return the minutes of the day from and to which the grid goes: full hours around what there is. Someone without
    hours could work all night, which says nothing."""
    first, last = OPENS, CLOSES
    for column in columns:
        for visit in column.visits:
            first, last = min(first, visit.begins), max(last, visit.ends)
        for window in column.windows:
            begins, ends = _minute_of(window.start, column.day, zone), _minute_of(window.end, column.day, zone)
            if ends - begins < DAY_MINUTES:
                first, last = min(first, max(begins, 0)), max(last, min(ends, DAY_MINUTES))
    return first // 60 * 60, -(-last // 60) * 60


def _minute_of(moment: int, day: date, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(moment, UTC).astimezone(zone)
    return (local.date() - day).days * DAY_MINUTES + local.hour * 60 + local.minute


class _Moments:
    """The moments of a local day by its minutes; None for those that the clocks skip."""

    def __init__(self, day: date, zone: ZoneInfo) -> None:
        self._day, self._zone = day, zone
        self._known: dict[int, int | None] = {}

    def at(self, minute: int) -> int | None:
        if minute not in self._known:
            local = datetime.combine(self._day, time(*divmod(minute, 60)), self._zone)
            moment = local.astimezone(UTC)
            is_real = moment.astimezone(self._zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            self._known[minute] = int(moment.timestamp()) if is_real else None
        return self._known[minute]


def _cells(column: Column, first: int, last: int, moments: _Moments) -> list[Cell]:
    """Return the column from top to bottom. A quarter of an hour into which a visit reaches is free from its end on."""
    spans = [(visit.begins, visit.ends) for visit in column.visits]
    starts = [begins for begins, _ in spans]
    cells = []
    for minute in range(first, last, STEP):
        here = [visit for visit in column.visits if minute <= visit.begins < minute + STEP]
        free_from = minute
        for begins, ends in spans[: bisect_right(starts, minute + STEP)]:
            if begins <= free_from < ends:
                free_from = -(-ends // ROUNDED) * ROUNDED
        is_free = free_from < min(minute + STEP, DAY_MINUTES) and not here
        moment = moments.at(free_from if is_free else minute)
        cells.append(_cell(column, minute, free_from, moment, here, is_free=is_free))
    return cells


def _cell(column: Column, minute: int, free_from: int, moment: int | None, here: list[Visit], *, is_free: bool) -> Cell:
    shown_here = [visit.shown for visit in here]

    def cell(start: str, css: str, label: str = "") -> Cell:
        """`start` is a moment in ISO 8601, empty if the clocks skip it; `label` is empty if nothing can be booked."""
        picked = "picked " if column.picked else ""
        moment = f' data-start="{start}"' if start else ""
        named = f' aria-label="{escape(label)}" tabindex="-1"' if label else ""
        tag = f'<td role="gridcell" id="c-{column.key}-{minute}" class="{picked}{css}"{moment}{named}>'
        return Cell(tag=mark_safe(tag), visits=shown_here)  # noqa: S308 - the label is escaped, the rest is ours

    if moment is None or not column.doctor.is_active:
        return cell("", "taken shut")
    start = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    works = any(window.start <= moment < window.end for window in column.windows)
    if not is_free:  # a visit can be moved within the time that it takes
        return cell(start, "taken" if works else "taken shut")
    who = {"doctor": column.title, "time": _clock(free_from)}
    label = (
        gettext("%(doctor)s, %(time)s, free") if works else gettext("%(doctor)s, %(time)s, free, outside working hours")
    )
    return cell(start, "free" if works else "off", label % who)


def _clock(minute: int) -> str:
    return _clock_in(minute, get_language())


@lru_cache(maxsize=4096)
def _clock_in(minute: int, language: str) -> str:
    return time_format(time(*divmod(minute % DAY_MINUTES, 60)), "TIME_FORMAT")
