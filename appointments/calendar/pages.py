"""The calendar that the front desk works in. What it shows comes from grid.py; what is booked or changed goes through
the services that the API calls. Times are those of the office that was picked, else of the practice."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from accounts.models import User
from appointments.calendar import cells, day_news, facts, grid
from appointments.calendar.forms import NextForm
from appointments.calendar.page import CalendarPage, describe_moment
from appointments.calendar.view_state import ViewState, read_view_state, remember
from appointments.models import Appointment, AppointmentType, Room
from appointments.schedule import availability
from appointments.visits.machine import VisitState
from audit.events import AuditEvent
from core.admin.access_log import background_request, shows_no_patient
from core.api import throttling
from core.formats import format_day
from core.permissions import Permission
from notifications.live.handover import is_served_to
from patients.models import Patient
from practices.models import Office

NEXT_FREE = 8
PAPER_COLUMNS, PAPER_LINES = 6, 30  # doctors side by side, and how many visits of two lines each fit below each other


class CalendarView(CalendarPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        shown = read_view_state(request)
        chart = Patient.objects.visible_to(self.user).get_or_refuse(pk=shown.patient) if shown.patient else None
        remember(request, shown)
        return render(
            request,
            "appointments/calendar/calendar.html",
            {
                "chart": chart,
                **(context := self.context(shown, [chart] if chart else [])),
                "is_live": is_served_to(request),
                "has_rooms": shown.view == "rooms" or Room.objects.filter(is_active=True).exists(),
                "offices": list(Office.objects.order_by("name", "id")),
                "pickable": _pickable(context),
                "picked": _picked(context),
                "may_keep_list": self.user.can(Permission.MANAGE_WAITING_LIST),
                "states": [
                    (state, word) for state, word in facts.WORDS.items() if word and state != VisitState.CANCELLED
                ],
            },
        )

    def context(self, shown: ViewState, charts: Sequence[Patient] = ()) -> dict[str, Any]:
        """Return what the grid or the list shows, and tell the audit trail, also of charts that are shown beside it."""
        types = {kind.pk: kind for kind in AppointmentType.objects.all()}
        token = grid.change_token(self.user, *shown.bounds)  # before what it stands for is read
        context: dict[str, Any] = {
            "shown": shown,
            "types": types.values(),
            "changes": f"{reverse('calendar_changes')}?{shown.query(token=token)}",
            "colours": "-".join(kind.colour[1:] for kind in types.values()),
            "title": _title(shown),
        }
        if shown.view == "list":
            rows = _listed(self.user, shown)
            self.read([*rows, *charts], kind=AuditEvent.APPOINTMENTS_LISTED, hits=len(rows))
            visits = [_line(row, types.get(row.type_id), shown) for row in rows]
            return {**context, "visits": visits, "paper": _paper(visits)}
        look = cells.Look(shown.day, shown.zone, types, shown.office)
        if shown.view == "week" and shown.doctor is not None:
            built = grid.build_week(by=self.user, look=look._replace(office=None), doctor=shown.doctor)
        elif shown.view == "rooms":
            built = grid.build_rooms(by=self.user, look=look._replace(names_doctor=True), picked=shown.room)
        else:
            built = grid.build_day(by=self.user, look=look, picked=shown.doctor.pk if shown.doctor else None)
        rows = built.appointments
        self.read([*rows, *charts], kind=AuditEvent.APPOINTMENTS_LISTED, hits=len(rows))
        return {**context, "grid": built}


def _pickable(context: dict[str, Any]) -> list[tuple[UUID, str]]:
    """Return whose column or week can be picked: on a narrow screen a day shows one doctor or room."""
    if context["shown"].view == "week":
        return [(doctor.pk, doctor.name) for doctor in User.objects.doctors().order_by("id")]
    return [(column.pk, column.title) for column in context["grid"].columns] if "grid" in context else []


def _picked(context: dict[str, Any]) -> UUID | None:
    shown: ViewState = context["shown"]
    if shown.view == "week" and shown.doctor:
        return shown.doctor.pk
    columns = context["grid"].columns if "grid" in context else []
    return next((column.pk for column in columns if column.picked), None)


def _title(shown: ViewState) -> str:
    if shown.view != "week":
        return format_day(shown.day, "LONG_DATE_FORMAT")
    first, last = shown.days[0], shown.days[-1]
    return gettext("%(first)s to %(last)s") % {
        "first": format_day(first, "MONTH_DAY_FORMAT"),
        "last": format_day(last),
    }


def _listed(user: User, shown: ViewState) -> list[Appointment]:
    rows = grid.find_visits(user, *shown.bounds)
    if shown.office is not None:
        rows = [row for row in rows if row.office_id in (None, shown.office.pk)]
    return rows


def _paper(visits: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the day for paper: a column for each doctor, in rows of at most six, so that six doctors with thirty
    visits each are one page."""
    by_doctor: dict[str, list[dict[str, Any]]] = {}
    for visit in visits:
        by_doctor.setdefault(visit["doctor"], []).append(visit)
    columns = sorted(by_doctor.items())
    across = min(len(columns), PAPER_COLUMNS)
    longest = max(map(len, by_doctor.values()), default=0)
    return {
        "rows": [columns[first : first + PAPER_COLUMNS] for first in range(0, len(columns), PAPER_COLUMNS)],
        "across": across,
        "is_long": longest > PAPER_LINES,
    }


def _line(row: Appointment, kind: AppointmentType | None, shown: ViewState) -> dict[str, Any]:
    """Return a visit as a line of the list. Dicts, which templates look into several times faster than into objects."""
    begins = cells.minute_of(row.starts_at, shown.day, shown.zone)
    return {
        "pk": str(row.pk),
        "version": str(row.version),
        "status": row.status,
        "starts": cells.clock(begins),
        "time": f"{cells.clock(begins)} – {cells.clock(begins + row.minutes)}",  # noqa: RUF001 - a dash between times
        "patient": str(row.patient.name),
        "kind": kind.name if kind else "",
        "doctor": row.doctor.name,
        "state": facts.describe_alone(row, shown.zone),
        "said": facts.describe(row, shown.zone),
    }


class Changes(CalendarView):
    """What the open page asks every other second: 204 while nothing has changed. It is counted as a poll, unless it
    names nothing that it has seen, and is nobody's activity."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
        with throttling.counted_as_poll() if "token" in request.GET else nullcontext():
            throttling.count_user(self.user.pk)
        shown = read_view_state(request)
        if request.GET.get("token") == grid.change_token(self.user, *shown.bounds):
            return HttpResponse(status=204)
        return render(request, "appointments/calendar/shown.html", self.context(shown))


changes = background_request(Changes.as_view())


class DayNews(CalendarPage):
    """What a page of today's visits asks after a live update: 204 while they are as it shows them, else 200."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
        with throttling.counted_as_poll():
            throttling.count_user(self.user.pk)
        now = day_news.token(self.user, self.request.practice, mine=request.GET.get("whose") == day_news.MINE)
        return HttpResponse(status=204 if request.GET.get("token") == now else 200)


is_day_the_same = shows_no_patient("whether something has changed")(background_request(DayNews.as_view()))


class Colours(CalendarPage):
    """The colours of the practice's types, as a stylesheet: the content policy allows no styles in a page."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
        rules = (f".type-{kind.pk.hex}{{--type:{kind.colour}}}" for kind in AppointmentType.objects.all())
        headers = {"Cache-Control": "private, max-age=3600"}  # the address names the colours
        return HttpResponse("\n".join(rules), content_type="text/css", headers=headers)


colours = shows_no_patient("colours of types")(Colours.as_view())


class NextFree(CalendarPage):
    """The next free times of all doctors, or of one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = NextForm(request.GET).validated_data
        slots = availability.find_next(
            by=self.user,
            count=NEXT_FREE,
            **{f"{name}_id": value for name, value in asked.items() if value is not None},
        )
        doctors = list(User.objects.doctors().order_by("id"))
        names = {doctor.pk: doctor.name for doctor in doctors}
        zones = {office.pk: office for office in Office.objects.select_related("practice")}
        practice = self.request.practice
        found = []
        for slot in slots:
            place = zones.get(slot.office_id)
            zone = place.tzinfo if place else practice.tzinfo
            found.append((slot, names.get(slot.doctor_id, ""), describe_moment(slot.start, zone), place))
        self.read([])
        context = {
            "found": found,
            "asked": asked,
            "doctors": doctors,
            "types": AppointmentType.objects.filter(is_active=True),
        }
        return render(request, "appointments/calendar/next.html", context)
