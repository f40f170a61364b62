"""The calendar that the front desk works in. What it shows comes from grid.py; what is booked or changed goes through
the services that the API calls. Times are those of the office that was picked, else of the practice."""

from collections.abc import Iterable
from contextlib import nullcontext
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from accounts.models import User
from appointments import services
from appointments.calendar import facts, grid
from appointments.calendar.forms import ActionForm, ChangeForm, NextForm, SearchForm, SlotForm, as_uuid
from appointments.calendar.page import (
    CalendarPage,
    changed_page,
    describe_time,
    described,
    local_time,
    say,
    trigger_change,
)
from appointments.calendar.preview import Preview, free_minutes, preview_booking, preview_change
from appointments.calendar.shown import Shown, remember, what_to_show
from appointments.calendar.visit import get_visit, undoing, what_changed
from appointments.models import Appointment, AppointmentStatus, AppointmentType, CancelReason
from appointments.rooms.services import get_bookable_room, rooms_at
from appointments.schedule import availability
from appointments.visits.machine import Action, State
from audit.events import AuditEvent
from core.admin.access_log import asked_by_page, log_page_refusal, shows_no_patient
from core.api import throttling
from core.errors import Conflict, Invalid, Refusal, StaleVersion
from core.permissions import Permission
from patients.models import Patient
from patients.registrations.duplicates import find_possible_duplicates
from patients.search import search_charts
from patients.services import open_chart
from practices.models import Office

FOUND, NEXT_FREE = 8, 8
LAST_TYPE = "calendar_type"  # session key: what was booked last, which is often what is booked next


# --- The calendar ----------------------------------------------------------------------------------------------------


class CalendarView(CalendarPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        shown = what_to_show(request)
        remember(request, shown)
        return render(
            request,
            "appointments/calendar/calendar.html",
            {
                **(context := self.context(shown)),
                "offices": list(Office.objects.order_by("name", "id")),
                "doctors": _pickable(context),
                "picked": _picked(context),
                "states": [(state, word) for state, word in facts.WORDS.items() if word and state != State.CANCELLED],
                "list_address": shown.address(view="list"),
            },
        )

    def context(self, shown: Shown) -> dict[str, Any]:
        """Return what the grid or the list shows, and tell the audit trail."""
        types = {kind.pk: kind for kind in AppointmentType.objects.all()}
        token = grid.change_token(*shown.bounds)  # before what it stands for is read
        context: dict[str, Any] = {
            "shown": shown,
            "types": types.values(),
            "changes": f"{reverse('calendar_changes')}?{shown.query(token=token)}",
            "colours": "-".join(kind.colour[1:] for kind in types.values()),
            "title": _title(shown),
        }
        if shown.view == "list":
            rows = _listed(self.user, shown)
            self.read(rows, kind=AuditEvent.APPOINTMENTS_LISTED, hits=len(rows))
            return {**context, "visits": [(row, types.get(row.type_id), _state(row, shown)) for row in rows]}
        if shown.view == "week" and shown.doctor is not None:
            built = grid.build_week(by=self.user, day=shown.day, zone=shown.zone, doctor=shown.doctor, types=types)
        else:
            picked = shown.doctor.pk if shown.doctor else None
            built = grid.build_day(
                by=self.user, day=shown.day, zone=shown.zone, office=shown.office, picked=picked, types=types
            )
        self.read(built.appointments, kind=AuditEvent.APPOINTMENTS_LISTED, hits=len(built.appointments))
        return {**context, "grid": built}


def _pickable(context: dict[str, Any]) -> list[User]:
    """Return whose column or week can be picked: on a narrow screen a day shows one doctor."""
    if context["shown"].view == "week":
        return list(User.objects.doctors().order_by("id"))
    return [column.doctor for column in context["grid"].columns] if "grid" in context else []


def _picked(context: dict[str, Any]) -> UUID | None:
    shown: Shown = context["shown"]
    if shown.view == "week" and shown.doctor:
        return shown.doctor.pk
    columns = context["grid"].columns if "grid" in context else []
    return next((column.doctor.pk for column in columns if column.picked), None)


def _title(shown: Shown) -> str:
    if shown.view != "week":
        return date_format(shown.day, "l, F j, Y")
    first, last = shown.days[0], shown.days[-1]
    return gettext("%(first)s to %(last)s") % {
        "first": date_format(first, "M j"),
        "last": date_format(last, "M j, Y"),
    }


def _listed(user: User, shown: Shown) -> list[Appointment]:
    rows = grid.find_visits(user, *shown.bounds)
    if shown.office is not None:
        rows = [row for row in rows if row.office_id in (None, shown.office.pk)]
    return rows


def _state(row: Appointment, shown: Shown) -> str:
    why = row.get_cancel_reason_display()
    return ": ".join(text for text in (facts.describe(row, shown.zone), why) if text) or row.get_status_display()


class Changes(CalendarView):
    """What the open page asks every other second: 204 while nothing has changed. It is counted as a poll, unless it
    names nothing that it has seen, and is nobody's activity."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
        with throttling.counted_as_poll() if "token" in request.GET else nullcontext():
            throttling.count_user(self.user.pk)
        shown = what_to_show(request)
        if request.GET.get("token") == grid.change_token(*shown.bounds):
            return HttpResponse(status=204)
        return render(request, "appointments/calendar/shown.html", self.context(shown))


changes = asked_by_page(Changes.as_view())


class Colours(CalendarPage):
    """The colours of the practice's types, as a stylesheet: the content policy allows no styles in a page."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
        rules = (f".type-{kind.pk.hex}{{--type:{kind.colour}}}" for kind in AppointmentType.objects.all())
        headers = {"Cache-Control": "private, max-age=3600"}  # the address names the colours
        return HttpResponse("\n".join(rules), content_type="text/css", headers=headers)


colours = shows_no_patient("colours of types")(Colours.as_view())


# --- Booking ---------------------------------------------------------------------------------------------------------


class Slot(CalendarPage):
    """The panel for a free time: as it is opened, and again whenever a patient or a type is chosen."""

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.panel(SlotForm(request.POST))

    def panel(self, form: SlotForm, *, error: str = "", duplicates: Iterable[Any] = ()) -> HttpResponse:
        fields = {name: value for name, value in form.data.items() if name != "csrfmiddlewaretoken"}
        form.is_valid()
        if {"doctor", "start", "office", "type", "room", "patient"} & form.errors.keys():
            form.given  # noqa: B018 - raises
        slot = form.cleaned_data
        types = list(AppointmentType.objects.filter(is_active=True).offered_by(slot["doctor"]))
        if "type" not in fields and types:
            slot["type"] = self._likely_type(types, slot)
        patient = None
        if slot["patient"] and not slot.get("new"):
            patient = Patient.objects.visible_to(self.user).get_or_refuse(pk=slot["patient"])
        preview = preview_booking(
            by=self.user,
            doctor_id=slot["doctor"],
            start=slot["start"],
            type_id=slot["type"],
            patient_id=patient.pk if patient else None,
            office_id=slot["office"],
            room_id=slot["room"],
        )
        rows = [match.chart for match in duplicates]
        self.read([*([patient] if patient else []), *rows], about=Patient._meta.label)
        context = {
            "form": form,
            "slot": slot,
            "fields": fields,
            "types": types,
            "rooms": rooms_at(preview.appointment.office_id),
            "patient": patient,
            "preview": preview,
            "error": error,
            "duplicates": rows,
            "when": describe_time(preview.appointment),
            "is_past": slot["start"] < timezone.now() and not _is_today(self.request, slot["start"]),
            "may_book": _may_book(self.user),
            "may_open_charts": self.user.can(Permission.WRITE_CHARTS),
        }
        return render(self.request, "appointments/calendar/slot.html", context)

    def _likely_type(self, types: list[AppointmentType], slot: dict[str, Any]) -> UUID:
        """Return what was booked last if it fits in before the next visit, else the first that does."""
        last = as_uuid(self.request.session.get(LAST_TYPE))
        minutes = free_minutes(slot["doctor"], slot["start"])
        in_order = sorted(types, key=lambda kind: kind.pk != last)
        return next((kind.pk for kind in in_order if kind.minutes <= minutes), in_order[0].pk)


class Book(Slot):
    def post(self, request: HttpRequest) -> HttpResponse:
        if not _may_book(self.user):
            raise PermissionDenied
        form = SlotForm(request.POST)
        if not form.is_valid():
            return self.panel(form)
        slot = form.cleaned_data
        if not slot["new"] and not slot["patient"]:
            return self.panel(form, error=gettext("Choose a patient first."))
        if slot["new"] and not slot["confirm_new"]:
            if not self.user.can(Permission.WRITE_CHARTS):
                raise PermissionDenied
            same = find_possible_duplicates(by=self.user, name=slot["name"], phone=slot["phone"])
            if same:
                return self.panel(form, duplicates=same)
        try:
            appointment = self._book(slot)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.panel(form, error=refusal.detail)
        self.read([appointment])
        if slot["type"]:
            request.session[LAST_TYPE] = str(slot["type"])
        sentence = gettext("Booked %(patient)s with %(doctor)s, %(time)s") % described(appointment)
        undo = {"status": AppointmentStatus.CANCELLED, "version": appointment.version}
        return changed_page(request, sentence, appointment, undo)

    @transaction.atomic
    def _book(self, slot: dict[str, Any]) -> Appointment:
        patient_id = slot["patient"]
        if slot["new"]:
            if not self.user.can(Permission.WRITE_CHARTS):
                raise PermissionDenied
            patient_id = open_chart(by=self.user, name=slot["name"], phone=slot["phone"]).pk
        return services.book(
            by=self.user,
            patient_id=patient_id,
            doctor_id=slot["doctor"],
            date=slot["start"],
            reason=slot["reason"] or _usual_reason(slot["type"]),
            office_id=slot["office"],
            type_id=slot["type"],
            room_id=slot["room"],
            allow_overlap=slot["allow_overlap"],
            allow_past=slot["allow_past"],
        )


def _usual_reason(type_id: UUID | None) -> str:
    kind = AppointmentType.objects.filter(pk=type_id).first() if type_id else None
    return kind.name if kind else gettext("Visit")


def _may_book(user: User) -> bool:
    return user.can(Permission.BOOK) or user.can(Permission.BOOK_IN_ADMIN_SITE)


def _is_today(request: Any, moment: Any) -> bool:
    return bool(moment.astimezone(request.practice.tzinfo).date() == request.practice.today())


class FoundPatients(CalendarPage):
    """Patients while somebody types. The text comes in the body: addresses end up in logs."""

    def post(self, request: HttpRequest) -> HttpResponse:
        query = SearchForm(request.POST).given["q"]
        hits = search_charts(Patient.objects.listed_for(self.user).newest_first(), query) if query else []
        if isinstance(hits, list):
            hits = Patient.objects.filter(pk__in=hits[: FOUND + 1]).newest_first() if hits else Patient.objects.none()
        found = list(hits.brief()[: FOUND + 1])
        self.read(found[:FOUND], kind=AuditEvent.CHARTS_SEARCHED, about=Patient._meta.label, searched=bool(query))
        context = {
            "query": query,
            "found": found[:FOUND],
            "are_more": len(found) > FOUND,
            "may_open_charts": self.user.can(Permission.WRITE_CHARTS),
        }
        return render(request, "appointments/calendar/found.html", context)


class NextFree(CalendarPage):
    """The next free times of all doctors, or of one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = NextForm(request.GET).given
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
            found.append((slot, names.get(slot.doctor_id, ""), local_time(slot.start, zone), place))
        self.read([])
        context = {
            "found": found,
            "asked": asked,
            "doctors": doctors,
            "types": AppointmentType.objects.filter(is_active=True),
        }
        return render(request, "appointments/calendar/next.html", context)


# --- A visit ---------------------------------------------------------------------------------------------------------


class VisitPanel(CalendarPage):
    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        return self.panel(get_visit(self.user, visit_id))

    def panel(self, visit: Appointment, *, preview: Preview | None = None, wanted: Any = ()) -> HttpResponse:
        chart = visit.patient
        self.read([visit], kind=AuditEvent.APPOINTMENT_READ, about_id=visit.pk)
        local = visit.starts_at.astimezone(visit.tzinfo)
        context = {
            "visit": visit,
            "chart": chart,
            "age": None if chart.is_closed else _age(chart.date_of_birth, self.request.practice.today()),
            "when": describe_time(visit),
            "day": local.date().isoformat(),
            "time": local.time().isoformat("minutes"),
            "doctors": User.objects.doctors().order_by("id"),
            "rooms": rooms_at(visit.office_id),
            "lengths": sorted({*range(15, 121, 15), visit.minutes}),
            "preview": preview,
            "wanted": wanted,
            "is_scheduled": visit.status == AppointmentStatus.SCHEDULED,
            "is_cancelled": visit.status == AppointmentStatus.CANCELLED,
            "reasons": CancelReason.choices,
            **facts.of_panel(self.user, visit),
        }
        return render(self.request, "appointments/calendar/visit.html", context)

    def refused(self, visit: Appointment, refusal: Refusal) -> HttpResponse:
        """Say why not; if somebody else was faster, say how the visit is now, and the page closes its panel."""
        log_page_refusal(self.request, refusal)
        self.read([visit], about_id=visit.pk)
        if not isinstance(refusal, StaleVersion):
            return say(self.request, refusal.detail, is_error=True)
        now = get_visit(self.user, visit.pk)
        sentence = gettext("Someone else changed this visit in the meantime. Now it is: %(state)s, %(time)s.") % {
            "state": facts.describe(now, now.tzinfo) or gettext("booked"),
            "time": describe_time(now),
        }
        return trigger_change(say(self.request, sentence, is_error=True), now)


class ChangeVisit(VisitPanel):
    """Move, cancel, lengthen, or undo one of these. What speaks against it is shown first, and it is saved if that is
    confirmed."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        form = ChangeForm(request.POST)
        wanted, asked = form.changes(), form.given
        if not wanted:
            raise Invalid("start", gettext("Choose what to change."))
        visit = get_visit(self.user, visit_id)
        before = undoing(visit, wanted)
        try:
            differing = services.differing(visit, wanted).keys()
            if not asked["confirmed"] and not wanted.keys() <= {"status", "cancel_reason"}:
                preview = self._preview(visit, wanted)
                if preview.conflict:
                    raise Conflict(preview.conflict)
                if preview.warnings or preview.overlap:
                    return self.panel(get_visit(self.user, visit_id), preview=preview, wanted=_asked_again(request))
            changed = services.change(
                by=self.user,
                appointment_id=visit_id,
                expected=asked["version"],
                allow_overlap=asked["confirmed"],
                allow_past=asked["confirmed"] or asked["undo"],
                **wanted,
            )
        except Refusal as refusal:
            return self.refused(visit, refusal)
        self.read([changed], about_id=changed.pk)
        sentence = gettext("Undone.") if asked["undo"] else what_changed(changed, wanted, differing)
        undo = None if asked["undo"] or not before else {**before, "version": changed.version}
        asks_why = wanted == {"status": AppointmentStatus.CANCELLED} and not asked["undo"]
        return changed_page(request, sentence, changed, undo, reasons=CancelReason.choices if asks_why else [])

    def _preview(self, visit: Appointment, wanted: dict[str, Any]) -> Preview:
        values = services.differing(visit, wanted)
        minutes = values.pop("minutes", visit.minutes)
        for name, value in values.items():
            setattr(visit, name, value)
        if "doctor_id" in values:
            visit.doctor = User.objects.doctor(values["doctor_id"])
        if values.get("room_id"):
            visit.room = get_bookable_room(values["room_id"])
            visit.office_id = visit.room.office_id
        visit.ends_at = visit.starts_at + timedelta(minutes=minutes)
        return preview_change(visit, by=self.user)


class ActOnVisit(VisitPanel):
    """Say what happened to a visit, or take the last of it back."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        asked = ActionForm(request.POST).given
        action = Action(asked["action"])
        visit = get_visit(self.user, visit_id)
        try:
            changed = services.act(by=self.user, appointment_id=visit_id, action=action, expected=asked["version"])
        except Refusal as refusal:
            return self.refused(visit, refusal)
        self.read([changed], about_id=changed.pk)
        if action == Action.UNDO:
            return changed_page(request, gettext("Undone."), changed, None)
        sentence = f"{changed.patient.name}: {facts.describe(changed, changed.tzinfo)}"
        is_new = changed.version != visit.version  # said twice, it changes nothing
        undo = {"action": Action.UNDO.value, "version": changed.version} if is_new else None
        return changed_page(request, sentence, changed, undo, undo_with="calendar_act")


def _asked_again(request: HttpRequest) -> list[tuple[str, Any]]:
    """Return the fields of a change that is asked for once more, to be confirmed."""
    return [(name, request.POST[name]) for name in ChangeForm.base_fields if name in request.POST]


def _age(born: Any, today: date) -> int | None:
    if not isinstance(born, date):
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
