"""The day of all doctors or rooms, or the week of one doctor, as a grid: rows are quarters of an hour, columns are
doctors, rooms or days. It is built from what the database was asked for once, so that the number of queries does not
hang on what it shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Sum
from django.db.models.functions import Greatest
from django.utils.safestring import SafeString

from accounts.models import User
from appointments.calendar import slot_holds
from appointments.calendar.cells import (
    DAY_MINUTES,
    STEP,
    HeldSlot,
    Look,
    MinutesOfDay,
    Strip,
    Visit,
    cells_of,
    minute_of,
    row_of,
    visits_by,
)
from appointments.models import Appointment, AppointmentStatus, AppointmentType, Room, ScheduleException, WorkingHours
from appointments.models.appointment_type import LONGEST
from appointments.rooms.services import rooms_at
from appointments.schedule.availability import Calendar, load_calendars
from appointments.schedule.free_time import Window
from core.encryption.fields import unreadable_marked
from core.formats import format_day
from practices.models import Office

OPENS, CLOSES = 8 * 60, 18 * 60  # shown at least
LISTED_COLUMNS = (
    *("starts_at", "ends_at", "type_id", "office_id", "room_id", "version"),
    *("status", "confirmed_at", "arrived_at", "started_at", "no_show_at", "cancel_reason"),
)


@dataclass
class Column:
    """A doctor's day, or a room's."""

    day: date
    key: str
    title: str
    doctor: User | None = None
    room: Room | None = None
    subtitle: str = ""
    picked: bool = False
    windows: list[Window] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    held: list[HeldSlot] = field(default_factory=list)

    @property
    def pk(self) -> Any:
        of = self.room or self.doctor
        return of.pk if of else None

    @property
    def is_in_use(self) -> bool:
        return bool(self.windows or self.visits)

    @property
    def strip(self) -> Strip:
        is_open = self.doctor is None or self.doctor.is_active
        return Strip(self.key, self.title, self.picked, is_open, self.windows, self.visits, self.held)


@dataclass
class Grid:
    columns: list[Column]
    rows: list[SafeString]
    zone: ZoneInfo
    first: int  # minute of the day
    without_room: int = 0  # visits that no room's column shows

    @property
    def is_in_use(self) -> bool:
        return any(column.is_in_use for column in self.columns)

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
    return list(found.with_shown_people(*LISTED_COLUMNS).order_by("starts_at", "id"))


def change_token(by: User, start: datetime, end: datetime) -> str:
    """Return a text that is another one whenever the calendar shows something else between the two moments."""
    visits = Appointment.objects.filter(starts_at__gte=start - timedelta(minutes=LONGEST), starts_at__lt=end)
    found = [
        visits.order_by().aggregate(
            number=Count("pk"), at=Greatest(Max("updated_at"), Max("patient__updated_at")), version=Sum("version")
        ),
        *(
            rows.order_by().aggregate(number=Count("pk"), at=Max("updated_at"))
            for rows in (
                *(model.objects.all() for model in (WorkingHours, ScheduleException, AppointmentType, Room, Office)),
                User.objects.doctors(),
                slot_holds.find_holds(by, start, end),
            )
        ),
    ]
    parts = [f"{one['number']}.{one.get('version') or 0}.{one['at'].timestamp() if one['at'] else 0}" for one in found]
    return blake2b("-".join(parts).encode(), digest_size=16).hexdigest()


# --- Building --------------------------------------------------------------------------------------------------------


def build_day(*, by: User, look: Look, picked: UUID | None) -> Grid:
    """Return a column for each doctor, those who work or have visits first; at one office, only of those."""
    day, office = look.day, look.office
    start, end = day_bounds([day], look.zone)
    doctors = _doctors()
    found = _booked(by, start, end)
    known = {doctor.pk for doctor in doctors}
    gone = {row.doctor_id: row.doctor for row in found if row.doctor_id not in known}  # inactive by now
    held = _shown_held(_held(by, start, end), look)
    with unreadable_marked():
        columns = [_column(one.doctor, day, one, start, end, office) for one in load_calendars(doctors, start, end)]
        columns += [_column(doctor, day, None, start, end, office) for doctor in gone.values()]
        visits = visits_by(found, lambda row: row.doctor_id, look)
    offices = len({doctor.office_id for doctor in doctors}) > 1
    for column in columns:
        column.visits, column.held = visits.get(column.pk, []), held.get(column.pk, [])
        if offices and column.doctor and column.doctor.office:
            column.subtitle = column.doctor.office.name
    if office is not None:
        columns = [one for one in columns if _is_at(office, one)]
    columns.sort(key=lambda one: not one.is_in_use)
    return _grid(_picking(columns, picked), look.zone)


def _is_at(office: Office, column: Column) -> bool:
    belongs = column.doctor is not None and column.doctor.office_id == office.pk
    return belongs or bool(column.windows) or any(visit.row.office_id == office.pk for visit in column.visits)


def build_rooms(*, by: User, look: Look, picked: UUID | None) -> Grid:
    """Return a column for each room, shaded while nobody works at its office. Visits without a room are counted."""
    start, end = day_bounds([look.day], look.zone)
    found = _booked(by, start, end)
    rooms = {room.pk: room for room in rooms_at(look.office.pk if look.office else None)}
    calendars = load_calendars(_doctors(), start, end)
    with unreadable_marked():
        windows = [one for calendar in calendars for one in _windows(calendar, start, end)]
        visits = visits_by((row for row in found if row.room_id in rooms), lambda row: row.room_id, look)
    offices = len({room.office_id for room in rooms.values()}) > 1
    columns = [
        Column(
            look.day,
            f"{room.pk.hex}-{look.day:%m%d}",
            room.name,
            room=room,
            subtitle=room.office.name if offices else "",
            windows=[one for one in windows if one.office_id == room.office_id],
            visits=visits.get(room.pk, []),
        )
        for room in rooms.values()
    ]
    grid = _grid(_picking(columns, picked), look.zone)
    here = (row for row in found if look.office is None or row.office_id in (None, look.office.pk))
    grid.without_room = sum(row.room_id not in rooms for row in here)
    return grid


def build_week(*, by: User, look: Look, doctor: User) -> Grid:
    """Return a column for each day of the doctor's week, without a weekend on which nothing is."""
    days = week_of(look.day)
    start, end = day_bounds(days, look.zone)
    found = _booked(by, start, end, doctor)
    (calendar,) = load_calendars([doctor], start, end)
    held = _held(by, start, end)
    columns = []
    with unreadable_marked():
        for each in days:
            begins, ends = day_bounds([each], look.zone)
            column = _column(doctor, each, calendar, begins, ends, None)
            column.title, column.picked = format_day(each, "D"), each == look.day
            column.subtitle = format_day(each, "MONTH_DAY_FORMAT")
            theirs = [row for row in found if row.starts_at < ends and row.ends_at > begins]
            that_day = look._replace(day=each)
            column.visits = visits_by(theirs, lambda row: row.doctor_id, that_day).get(doctor.pk, [])
            column.held = _shown_held(held, that_day).get(doctor.pk, [])
            columns.append(column)
    kept_days = [one for one in columns if one.day.weekday() < 5 or one.is_in_use or one.picked]
    return _grid(kept_days, look.zone)


def _doctors() -> list[User]:
    return list(User.objects.doctors().select_related("office").order_by("id"))


def _booked(by: User, start: datetime, end: datetime, doctor: User | None = None) -> list[Appointment]:
    return [row for row in find_visits(by, start, end, doctor) if row.status != AppointmentStatus.CANCELLED]


def _held(by: User, start: datetime, end: datetime) -> list[Any]:
    return list(slot_holds.find_holds(by, start, end).select_related("held_by"))


def _shown_held(found: Iterable[Any], look: Look) -> dict[Any, list[HeldSlot]]:
    shown: dict[Any, list[HeldSlot]] = {}
    for held in found:
        begins, ends = (minute_of(moment, look.day, look.zone) for moment in (held.starts_at, held.ends_at))
        shown.setdefault(held.doctor_id, []).append(HeldSlot(begins, ends, slot_holds.describe(held, look.zone)))
    return shown


def _column(
    doctor: User, day: date, calendar: Calendar | None, start: datetime, end: datetime, office: Office | None
) -> Column:
    column = Column(day, f"{doctor.pk.hex}-{day:%m%d}", doctor.name, doctor=doctor)
    if calendar is not None and doctor.is_active:
        column.windows = [one for one in _windows(calendar, start, end) if office is None or one.office_id == office.pk]
    return column


def _windows(calendar: Calendar, start: datetime, end: datetime) -> list[Window]:
    first, last = start.timestamp(), end.timestamp()
    return [one for one in calendar.windows(start, end) if one.start < last and one.end > first]


def _picking(columns: list[Column], picked: UUID | None) -> list[Column]:
    """Mark the column that a narrow screen shows."""
    chosen = next((one for one in columns if one.pk == picked), None) or next(iter(columns), None)
    if chosen:
        chosen.picked = True
    return columns


def _grid(columns: list[Column], zone: ZoneInfo) -> Grid:
    first, last = _range(columns, zone)
    days = {column.day: MinutesOfDay(column.day, zone) for column in columns}
    cells = [cells_of(column.strip, first, last, days[column.day]) for column in columns]
    across = zip(*cells, strict=True)
    rows = [row_of(minute, row) for minute, row in zip(range(first, last, STEP), across, strict=False)]
    return Grid(columns, rows, zone, first)


def _range(columns: Iterable[Column], zone: ZoneInfo) -> tuple[int, int]:
    """Return the minutes of the day from and to which the grid goes: full hours around what there is. Someone without
    hours could work all night, which says nothing."""
    first, last = OPENS, CLOSES
    for column in columns:
        for visit in column.visits:
            first, last = min(first, visit.begins), max(last, visit.ends)
        for window in column.windows:
            begins, ends = (
                minute_of(datetime.fromtimestamp(at, UTC), column.day, zone) for at in (window.start, window.end)
            )
            if ends - begins < DAY_MINUTES:
                first, last = min(first, max(begins, 0)), max(last, min(ends, DAY_MINUTES))
    return first // 60 * 60, -(-last // 60) * 60
