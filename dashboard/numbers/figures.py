"""What the office manager counts, by local week of the practice. The database counts; weeks begin on Monday at the
practice's midnight, so that one in which clocks change is an hour longer or shorter."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import (
    Case,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus, ScheduleException, WorkingHours
from appointments.schedule.free_time import windows
from core.cache import cached_counts
from core.forms import EARLIEST, LATEST
from core.tenancy.models import PracticeModel
from patients.models import Patient
from practices.models import Practice
from records.models import MedicalRecord, SessionNote
from records.models.note import finalised_q

WEEK = timedelta(weeks=1)
Counted = list[tuple[int, dict[str, Any]]]  # of each week that has any
DEFAULT_WEEKS, MOST_WEEKS = 12, 104
NO_SHOW = Q(no_show_at__isnull=False)
CANCELLED = Q(status=AppointmentStatus.CANCELLED)


class Week(NamedTuple):
    """One week's figures. `minutes` are those that doctors with working hours work, `booked` those of their visits."""

    first: date
    completed: int = 0
    scheduled: int = 0
    cancelled: int = 0
    no_shows: int = 0
    new_patients: int = 0
    owed: int = 0
    minutes: int = 0
    booked: int = 0

    @property
    def last(self) -> date:
        return self.first + timedelta(days=6)

    @property
    def visits(self) -> int:
        return self.completed + self.scheduled + self.cancelled + self.no_shows

    @property
    def no_show_rate(self) -> float | None:
        """Return how many of those who should have come did not, in percent."""
        due = self.completed + self.no_shows
        return 100 * self.no_shows / due if due else None

    @property
    def utilisation(self) -> float | None:
        """Return how much of the working hours is booked, in percent; over 100 with visits outside of them."""
        return 100 * self.booked / self.minutes if self.minutes else None


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def days_of(today: date, first: date | None, last: date | None) -> tuple[date, date]:
    """Return the days that are asked for, by default those of the last weeks; two years at most."""
    last = min(last or (first + DEFAULT_WEEKS * WEEK if first else today), LATEST)
    first = max(first or last - (DEFAULT_WEEKS - 1) * WEEK, EARLIEST, last - (MOST_WEEKS - 1) * WEEK)
    return first, max(first, last)


def summed(weeks: list[Week]) -> Week:
    return Week(weeks[0].first, *(sum(column) for column in list(zip(*weeks, strict=True))[1:]))


def weeks_of(practice: Practice, first: date, last: date) -> list[Week]:
    """Return the weeks from that of `first` to that of `last`, cached until something that they count changes."""
    mondays: list[date] = []
    monday = monday_of(first)
    while monday <= last and len(mondays) < MOST_WEEKS:
        mondays.append(monday)
        monday += WEEK
    edges = [practice.day_bounds(monday)[0] for monday in [*mondays, mondays[-1] + WEEK]]
    start, end = edges[0], edges[-1]
    found: dict[date, dict[str, int]] = {monday: {} for monday in mondays}
    parts: list[tuple[tuple[type[PracticeModel], ...], Callable[[], Counted]]] = [
        ((Appointment, WorkingHours), lambda: _visits(edges)),
        ((Patient,), lambda: _by_week(_charts(start, end), "created_at", edges, new_patients=Count("*"))),
        (
            (Appointment, MedicalRecord, SessionNote),
            lambda: _by_week(owed_visits(start, end), "starts_at", edges, owed=Count("*")),
        ),
    ]
    for at, (tables, count) in enumerate(parts):
        key = f"weeks:{at}:{practice.timezone}:{mondays[0]}:{len(mondays)}"
        for number, values in cached_counts.get_or_compute(key, practice_id=practice.pk, of=tables, compute=count):
            found[mondays[number - 1]].update(values)
    minutes = _minutes(mondays, edges, _doctors())
    return [Week(monday, **{**found[monday], "minutes": minutes[monday]}) for monday in mondays]


def _by_week(rows: Any, moment: str, edges: list[datetime], **counted: Any) -> Counted:
    """Return what is counted, with the number of each week, from 1."""
    weeks = rows.order_by().annotate(week=_week_of(moment, edges)).values("week").annotate(**counted)
    return [(row.pop("week"), row) for row in weeks]


def _week_of(moment: str, edges: list[datetime]) -> Any:
    """Return between which edges a moment is. PostgreSQL finds that in half the time that it takes to turn each moment
    into local time."""
    if connection.vendor == "postgresql":
        return Func(F(moment), Value(edges), function="width_bucket", output_field=IntegerField())
    ends = (When(**{f"{moment}__lt": edge}, then=Value(number)) for number, edge in enumerate(edges) if number)
    return Case(*ends, output_field=IntegerField())


def _doctors() -> list[Any]:
    """Return the keys of those who have hours. What is cached asks for them itself, after the generations."""
    return list(WorkingHours.objects.order_by("doctor").values_list("doctor_id", flat=True).distinct())


def _visits(edges: list[datetime]) -> Counted:
    took = ExpressionWrapper(F("ends_at") - F("starts_at"), output_field=DurationField())
    rows = _by_week(
        Appointment.objects.filter(starts_at__gte=edges[0], starts_at__lt=edges[-1]),
        "starts_at",
        edges,
        completed=Count("pk", filter=Q(status=AppointmentStatus.COMPLETED)),
        scheduled=Count("pk", filter=Q(status=AppointmentStatus.SCHEDULED) & ~NO_SHOW),
        cancelled=Count("pk", filter=CANCELLED & ~NO_SHOW),
        no_shows=Count("pk", filter=NO_SHOW),
        booked=Sum(took, filter=~CANCELLED & Q(doctor__in=_doctors())),
    )
    for _number, row in rows:
        row["booked"] = int(row["booked"].total_seconds()) // 60 if row["booked"] else 0
    return rows


def _charts(start: datetime, end: datetime) -> QuerySet[Patient]:
    """Return the charts opened in this time. What was opened since its start was changed since, too, and for that there
    is an index."""
    opened = Patient.objects.confirmed().filter(created_at__gte=start, created_at__lt=end)
    charts: QuerySet[Patient] = opened.filter(updated_at__gte=start)
    return charts


def owed_visits(start: datetime, end: datetime) -> QuerySet[Appointment]:
    """Return the visits that took place and that neither a signed note nor a medical record tells of."""
    recorded = MedicalRecord.objects.filter(appointment=OuterRef("pk"))
    noted = SessionNote.objects.filter(finalised_q(), appointment=OuterRef("pk"))
    visits = Appointment.objects.filter(starts_at__gte=start, starts_at__lt=end, status=AppointmentStatus.COMPLETED)
    found: QuerySet[Appointment] = visits.filter(~Exists(recorded), ~Exists(noted))
    return found


def _minutes(mondays: list[date], moments: list[datetime], doctors: list[Any]) -> dict[date, int]:
    """Return how many minutes the doctors work in each week, time off left out."""
    edges = [int(moment.timestamp()) for moment in moments]
    found = dict.fromkeys(mondays, 0)
    rules: dict[Any, list[WorkingHours]] = {}
    for rule in WorkingHours.objects.select_related("practice", "office__practice", "doctor__office__practice"):
        rules.setdefault(rule.doctor_id, []).append(rule)
    off = list(ScheduleException.objects.filter(starts_at__lt=moments[-1], ends_at__gt=moments[0]))
    active = set(User.objects.filter(pk__in=doctors).values_list("pk", flat=True))
    for doctor_id, theirs in rules.items():
        concerned = [one for one in off if one.doctor_id in (None, doctor_id)]
        if doctor_id not in active:
            continue
        for window in windows(theirs, concerned, mondays[0], mondays[-1] + WEEK):
            for monday, begins, ends in zip(mondays, edges, edges[1:], strict=False):
                if window.start < ends and window.end > begins:
                    found[monday] += (min(window.end, ends) - max(window.start, begins)) // 60
    return found
