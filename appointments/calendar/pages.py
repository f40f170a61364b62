"""The calendar that the front desk works in. What it shows comes from grid.py; what is booked or changed goes through
the services that the API calls. Times are those of the office that was picked, else of the practice."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext, ngettext
from django.views import View
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from rest_framework.exceptions import Throttled

from accounts.models import User
from appointments import services
from appointments.calendar import grid
from appointments.calendar.forms import ChangeForm, NextForm, SearchForm, SlotForm, as_uuid
from appointments.calendar.preview import Preview, free_minutes, preview_booking, preview_change
from appointments.calendar.shown import Shown, what_to_show
from appointments.models import Appointment, AppointmentStatus, AppointmentType
from appointments.schedule import availability
from audit.events import AuditEvent
from core.admin.access_log import asked_by_page, log_page_read, log_page_refusal, shows_no_patient
from core.admin.base import current_user
from core.api import throttling
from core.encryption.fields import unreadable_marked
from core.error_pages import error_page, throttled_page
from core.errors import Conflict, Invalid, Refusal
from core.permissions import Permission
from patients.models import Patient
from patients.registrations.duplicates import find_possible_duplicates
from patients.search import search_charts
from patients.services import open_chart
from practices.models import Office

FOUND, NEXT_FREE = 8, 8
LAST_TYPE = "calendar_type"  # session key: what was booked last, which is often what is booked next
UNDO_SECONDS = 10
ABOUT = Appointment._meta.label


class CalendarPage(View):
    """A page, or a part of one that htmx asks for. Only who works with the practice's appointments may open it."""

    http_method_names = ["get", "head", "post"]
    is_counted = True
    user: User
    request: Any

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hasattr(request, "practice"):
            return _to_sign_in(request)
        self.user = current_user(request)
        try:
            if not self.user.can(Permission.CHANGE_APPOINTMENTS):
                raise PermissionDenied
            if self.is_counted:
                throttling.count_user(self.user.pk)
            with unreadable_marked():
                return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Throttled as throttled:
            wait = throttled.wait  # type: ignore[attr-defined]
            sentence = ngettext("Try again in %(number)s second.", "Try again in %(number)s seconds.", wait)
            return self._refusal(sentence % {"number": wait}, 429) or throttled_page(request, throttled)
        except Refusal as refusal:
            sentence = refusal.message if isinstance(refusal, Invalid) else refusal.detail  # without the field's name
            answer = self._refusal(sentence, refusal.status)
            return answer or error_page(request, sentence, status=refusal.status)

    def _refusal(self, sentence: str, status: int) -> HttpResponse | None:
        """Return what a part of a page says instead of what was asked for; None for a whole page."""
        if not _is_part(self.request):
            return None
        return _say(self.request, sentence, is_error=True, status=status)

    def read(self, rows: Iterable[Any], **details: Any) -> None:
        """Tell the audit trail which patients the answer shows, and unlock those that this person may read."""
        log_page_read(self.request, rows, **{"about": ABOUT, **details})


def _is_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in, and back to where somebody was."""
    if not _is_part(request):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    calendar = reverse("calendar")
    return HttpResponseClientRedirect(redirect_to_login(calendar, reverse("admin:login"))["Location"])


def _say(
    request: HttpRequest, sentence: str, *, is_error: bool = False, status: int = 200, **shown: Any
) -> HttpResponse:
    """Return a message for the place where the page has them, whatever part was asked for."""
    shown |= {"sentence": sentence, "is_error": is_error, "undo_seconds": UNDO_SECONDS}
    answer = render(request, "appointments/calendar/message.html", shown, status=status)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#message", "innerHTML"
    return answer


# --- The calendar ----------------------------------------------------------------------------------------------------


class CalendarView(CalendarPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        shown = what_to_show(request)
        return render(
            request,
            "appointments/calendar/calendar.html",
            {
                **(context := self.context(shown)),
                "offices": list(Office.objects.order_by("name", "id")),
                "doctors": _pickable(context),
                "picked": _picked(context),
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
            return {**context, "visits": [(row, types.get(row.type_id)) for row in rows]}
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


class Changes(CalendarView):
    """What the open page asks every other second: 204 while nothing has changed. It is not counted, and is nobody's
    activity."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
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
        if {"doctor", "start", "office", "type", "patient"} & form.errors.keys():
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
        )
        rows = [match.chart for match in duplicates]
        self.read([*([patient] if patient else []), *rows], about=Patient._meta.label)
        context = {
            "form": form,
            "slot": slot,
            "fields": fields,
            "types": types,
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

    def panel(self, visit: Appointment, *, preview: Preview | None = None, wanted: Any = None) -> HttpResponse:
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
            "lengths": sorted({*range(15, 121, 15), visit.minutes}),
            "preview": preview,
            "wanted": wanted,
            "is_scheduled": visit.status == AppointmentStatus.SCHEDULED,
            "is_cancelled": visit.status == AppointmentStatus.CANCELLED,
            "may_write_notes": self.user.can(Permission.WRITE_RECORDS),
        }
        return render(self.request, "appointments/calendar/visit.html", context)


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
        before = _undoing(visit, wanted)
        try:
            if not asked["confirmed"] and wanted.keys() != {"status"}:
                preview = self._preview(visit, wanted)
                if preview.conflict:
                    raise Conflict(preview.conflict)
                if preview.warnings or preview.overlap:
                    return self.panel(get_visit(self.user, visit_id), preview=preview, wanted=form.cleaned_data)
            changed = services.change(
                by=self.user,
                appointment_id=visit_id,
                expected=asked["version"],
                allow_overlap=asked["confirmed"],
                allow_past=asked["confirmed"] or asked["undo"],
                **wanted,
            )
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            self.read([visit], about_id=visit.pk)
            return _say(request, refusal.detail, is_error=True)
        self.read([changed], about_id=changed.pk)
        sentence = gettext("Undone.") if asked["undo"] else _what_changed(changed, wanted)
        undo = None if asked["undo"] else {**before, "version": changed.version}
        return changed_page(request, sentence, changed, undo)

    def _preview(self, visit: Appointment, wanted: dict[str, Any]) -> Preview:
        values = {**services.differing(visit, wanted)}
        minutes = values.pop("minutes", visit.minutes)
        for name, value in values.items():
            setattr(visit, name, value)
        if "doctor_id" in values:
            visit.doctor = User.objects.doctor(values["doctor_id"])
        visit.ends_at = visit.starts_at + timedelta(minutes=minutes)
        return preview_change(visit, by=self.user)


def get_visit(user: User, visit_id: UUID) -> Appointment:
    visits = Appointment.objects.visible_to(user).with_offices().select_related("patient", "type")
    found: Appointment = visits.get_or_refuse(pk=visit_id)
    return found


def _undoing(visit: Appointment, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a ChangeForm that lead back to how the visit is."""
    values = {
        "start": visit.starts_at.isoformat() if "date" in wanted else None,
        "doctor": visit.doctor_id if "doctor_id" in wanted else None,
        "minutes": visit.minutes if "minutes" in wanted else None,
        "status": visit.status if "status" in wanted else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _what_changed(visit: Appointment, wanted: dict[str, Any]) -> str:
    if wanted.get("status") == AppointmentStatus.CANCELLED:
        sentence = gettext("Cancelled: %(patient)s with %(doctor)s, %(time)s")
    elif "status" in wanted:
        sentence = gettext("Booked again: %(patient)s with %(doctor)s, %(time)s")
    elif wanted.keys() == {"minutes"}:
        sentence = gettext("%(patient)s with %(doctor)s, %(time)s: now %(minutes)s minutes")
    else:
        sentence = gettext("Moved %(patient)s to %(doctor)s, %(time)s")
    return sentence % described(visit)


def changed_page(request: HttpRequest, sentence: str, visit: Appointment, undo: dict[str, Any] | None) -> HttpResponse:
    """Say what was done and offer to undo it; the page closes its panel and asks for what has changed."""
    warnings = [str(warning) for warning in visit.warnings]
    answer = _say(request, sentence, visit=visit, undo=undo, warnings=warnings)
    return trigger_client_event(answer, "calendar:changed", {"visit": str(visit.pk)}, after="settle")


def described(visit: Appointment) -> dict[str, Any]:
    return {
        "patient": visit.patient.name,
        "doctor": visit.doctor.name,
        "time": describe_time(visit),
        "minutes": visit.minutes,
    }


def describe_time(visit: Appointment) -> str:
    """Return `Tue, Dec 1, 10:30 AM`, with the time zone if it is not the practice's."""
    text = local_time(visit.starts_at, visit.tzinfo)
    return text if visit.tzinfo == timezone.get_current_timezone() else f"{text} ({visit.zone_label})"


def local_time(moment: Any, zone: Any) -> str:
    local = moment.astimezone(zone)
    return f"{date_format(local, 'D, M j')}, {time_format(local, 'TIME_FORMAT')}"


def _age(born: Any, today: date) -> int | None:
    if not isinstance(born, date):
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
