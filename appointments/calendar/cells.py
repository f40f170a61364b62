"""The cells of the calendar's grid and the visits in them, as HTML that is put together once: a day of twenty doctors
has a thousand cells, and a template takes a hundred times as long for each."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from appointments.calendar.facts import describe
from appointments.models import Appointment, AppointmentType
from appointments.schedule.free_time import Window
from appointments.visits.machine import state_of
from core.formats import format_time
from practices.models import Office

STEP, DAY_MINUTES = 15, 24 * 60
ROUNDED = 5


class Visit(NamedTuple):
    """A visit as a column shows it; times are minutes of the local day."""

    row: Appointment
    begins: int
    ends: int
    html: str


class HeldSlot(NamedTuple):
    """A time that is kept for somebody, in minutes of the local day, and what is said of it."""

    begins: int
    ends: int
    text: str


class Look(NamedTuple):
    """How a day's visits are shown."""

    day: date
    zone: ZoneInfo
    types: dict[Any, AppointmentType]
    office: Office | None = None
    names_doctor: bool = False


def minute_of(moment: datetime, day: date, zone: ZoneInfo) -> int:
    local = moment.astimezone(zone)
    return (local.date() - day).days * DAY_MINUTES + local.hour * 60 + local.minute


def visits_by(found: Iterable[Appointment], key: Any, look: Look) -> dict[Any, list[Visit]]:
    shown: dict[Any, list[Visit]] = {}
    for row in found:
        before = shown.setdefault(key(row), [])
        before.append(_visit(row, look, before))
    return shown


def _visit(row: Appointment, look: Look, before: list[Visit]) -> Visit:
    begins = minute_of(row.starts_at, look.day, look.zone)
    ends = min(begins + row.minutes, DAY_MINUTES)
    start, end = clock(begins), clock(ends)
    begins = max(begins, 0)
    kind = look.types.get(row.type_id)
    name, doctor, state = str(row.patient.name), str(row.doctor.name), describe(row, look.zone)
    # what is seen comes first and in the same order: who speaks to a computer says that (WCAG 2.5.3)
    until = gettext("until %(time)s") % {"time": end}
    label = ", ".join(text for text in (name, state, start, kind.name if kind else "", doctor, until) if text)
    more = [start, kind.name if kind else "", doctor if look.names_doctor else ""]
    html = (
        f'<button type="button" id="v-{row.pk}" data-visit="{row.pk}" data-version="{row.version}"'
        f' data-minutes="{row.minutes}" class="{_css(row, begins, ends, before, look)}" tabindex="-1"'
        f' aria-label="{escape(label)}">'
        f"<b>{escape(name)}</b>{f' <em>{escape(state)}</em>' if state else ''}"
        f"{''.join(f' <span>{escape(text)}</span>' for text in more if text)}</button>"
    )
    return Visit(row, begins, ends, html)


def _css(row: Appointment, begins: int, ends: int, before: list[Visit], look: Look) -> str:
    hours, minutes = divmod(max(ends - begins, ROUNDED), 60)
    is_beside = any(other.ends > begins for other in before[-3:])
    is_elsewhere = look.office is not None and row.office_id not in (None, look.office.pk)
    return (
        f"visit m{begins % STEP} dh{hours} dm{minutes} type-{row.type_id.hex if row.type_id else 'none'}"
        f" {row.status} is-{state_of(row)}{' beside' if is_beside else ''}"
        f"{' short' if ends - begins < 25 else ''}{' elsewhere' if is_elsewhere else ''}"
    )


class MinutesOfDay:
    """The moments of a local day by its minutes, and these in ISO 8601; None for those that the clocks skip."""

    def __init__(self, day: date, zone: ZoneInfo) -> None:
        self._day, self._zone = day, zone
        self._known: dict[int, tuple[int, str] | None] = {}

    def at(self, minute: int) -> tuple[int, str] | None:
        if minute not in self._known:
            local = datetime.combine(self._day, time(*divmod(minute, 60)), self._zone)
            moment = local.astimezone(UTC)
            is_real = moment.astimezone(self._zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            self._known[minute] = (int(moment.timestamp()), f"{moment:%Y-%m-%dT%H:%M:%SZ}") if is_real else None
        return self._known[minute]


class Strip(NamedTuple):
    """What a column's cells are made of: its visits and held times by their start, and when somebody works."""

    key: str
    title: str
    is_picked: bool
    is_open: bool
    windows: list[Window]
    visits: list[Visit]
    held: list[HeldSlot]


def cells_of(strip: Strip, first: int, last: int, moments: MinutesOfDay) -> list[str]:
    """Return the cells from top to bottom. A quarter of an hour into which a visit reaches is free from its end on."""
    spans = [(visit.begins, visit.ends) for visit in strip.visits]
    starts = [begins for begins, _ in spans]
    cells = []
    for minute in range(first, last, STEP):
        here = [visit.html for visit in strip.visits if minute <= visit.begins < minute + STEP]
        free_from = minute
        for begins, ends in spans[: bisect_right(starts, minute + STEP)]:
            if begins <= free_from < ends:
                free_from = -(-ends // ROUNDED) * ROUNDED
        is_free = free_from < min(minute + STEP, DAY_MINUTES) and not here
        if not is_free:
            free_from = minute
        held = next((one for one in strip.held if one.begins < minute + STEP and one.ends > free_from), None)
        tag = _tag(strip, minute, free_from, moments.at(free_from), held if is_free else None, is_free=is_free)
        said = f'<span class="held-by">{escape(held.text)}</span>' if held and _begins_at(held, minute, first) else ""
        cells.append(f"{tag}{said}{''.join(here)}</td>")
    return cells


def _begins_at(held: HeldSlot, minute: int, first: int) -> bool:
    return minute <= held.begins < minute + STEP or (minute == first and held.begins < first)


def _tag(
    strip: Strip, minute: int, free_from: int, moment: tuple[int, str] | None, held: HeldSlot | None, *, is_free: bool
) -> str:
    """Return the opening tag. It has a moment unless the clocks skip it, and a label if it can be opened."""
    picked = "picked " if strip.is_picked else ""
    opening = f'<td role="gridcell" id="c-{strip.key}-{minute}" class="{picked}'
    if moment is None or not strip.is_open:
        return f'{opening}taken shut">'
    seconds, iso = moment
    works = any(window.start <= seconds < window.end for window in strip.windows)
    if not is_free:  # a visit can be moved within the time that it takes
        return f'{opening}{"taken" if works else "taken shut"}" data-start="{iso}">'
    said = {"doctor": strip.title, "time": clock(free_from), "held": held.text if held else ""}
    if held:
        css, label = "held", gettext("%(doctor)s, %(time)s, %(held)s")
    elif works:
        css, label = "free", gettext("%(doctor)s, %(time)s, free")
    else:
        css, label = "off", gettext("%(doctor)s, %(time)s, free, outside working hours")
    return f'{opening}{css}" data-start="{iso}" aria-label="{escape(label % said)}" tabindex="-1">'


def row_of(minute: int, cells: Iterable[str]) -> SafeString:
    css = {0: ' class="hour"', 30: ' class="half"'}.get(minute % 60, "")
    html = f'<tr{css}><th scope="row"><span>{escape(clock(minute))}</span></th>{"".join(cells)}</tr>'
    return mark_safe(html)  # noqa: S308 - texts are escaped where they enter, the rest is ours


def clock(minute: int) -> str:
    return _clock_in(minute % DAY_MINUTES, get_language())


@lru_cache(maxsize=4096)
def _clock_in(minute: int, language: str) -> str:
    return format_time(time(*divmod(minute, 60)))
