"""The panel of a free time: who is booked, how often, and who waits for it. While it is open, the time is kept."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from accounts.models import User
from appointments import services
from appointments.calendar import repeating, slot_holds, waiting
from appointments.calendar.forms import (
    ENDS,
    FIRST_GUESS,
    UNITS,
    BookForm,
    HoldForm,
    SearchForm,
    SlotForm,
)
from appointments.calendar.page import CalendarPage, changed_page, describe_time, described
from appointments.calendar.preview import Preview, doctor_at, free_minutes, preview_booking
from appointments.calendar.visit import get_visit
from appointments.holds import services as holds
from appointments.models import Appointment, AppointmentStatus, AppointmentType, SeriesScope, SlotHold
from appointments.rooms.services import rooms_at
from appointments.series import services as series
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal, shows_no_patient
from core.errors import Refusal
from core.forms import as_uuid
from core.permissions import Permission
from patients.models import Patient
from patients.registrations.duplicates import find_possible_duplicates
from patients.search import search_charts
from patients.services import open_chart

MAX_HITS = 8
LAST_TYPE = "calendar_type"  # session key: what was booked last, which is often what is booked next


class Slot(CalendarPage):
    """The panel for a free time: as it is opened, and again whenever a patient or a type is chosen."""

    audit_details: dict[str, Any] = {}  # beside who is shown

    def post(self, request: HttpRequest) -> HttpResponse:
        asked = request.POST.copy()
        if asked.get("new") and _is_name(searched := asked.get("q", "")):
            asked["name"] = searched  # nobody types it twice
        return self.panel(SlotForm(asked))

    def panel(self, form: SlotForm, *, error: str = "", duplicates: Iterable[Any] = ()) -> HttpResponse:
        fields = {name: value for name, value in form.data.items() if name != "csrfmiddlewaretoken"}
        slot, types = self._checked(form, fields)
        patient = self._patient(slot)
        own = holds.find_own(by=self.user, doctor_id=slot["doctor"], moment=slot["start"], hold_id=slot["hold"])
        preview = self._preview(slot, patient, own)
        hold, not_kept = self._keep(slot, preview, own)
        alike = [match.chart for match in duplicates]
        shown = {} if patient or slot.get("new") else waiting.of_slot(self.user, preview.appointment, slot["start"])
        self.read(
            [*([patient] if patient else []), *alike, *shown.get("charts", [])],
            **{"about": Patient._meta.label, **self.audit_details},
        )
        context = {
            "form": form,
            "slot": slot,
            "fields": fields,
            "types": types,
            "rooms": rooms_at(preview.appointment.office_id),
            "doctors": User.objects.doctors().order_by("id") if slot["by_room"] else [],
            "patient": patient,
            "preview": preview,
            "error": error,
            "duplicates": alike,
            "when": describe_time(preview.appointment),
            "is_past": slot["start"] < timezone.now() and not _is_today(self.request, slot["start"]),
            "may_book": may_book(self.user),
            "may_open_charts": self.user.can(Permission.WRITE_CHARTS),
            "may_wait": self.user.can(Permission.MANAGE_WAITING_LIST),
            **_kept_context(hold, not_kept),
            **self._repeated(form, patient, preview, hold),
            **shown,
        }
        return render(self.request, "appointments/calendar/slot.html", context)

    def _checked(self, form: SlotForm, fields: dict[str, Any]) -> tuple[dict[str, Any], list[AppointmentType]]:
        """Return the slot with what is likely where nothing is said, and the types that may be chosen."""
        form.is_valid()
        if {"doctor", "start", "office", "type", "room", "patient"} & form.errors.keys():
            form.validated_data  # noqa: B018 - raises
        slot = {"hold": None, "by_room": False} | form.cleaned_data
        if not slot["doctor"]:
            slot["doctor"] = doctor_at(slot["start"], slot["office"]).pk
        types = list(AppointmentType.objects.filter(is_active=True).offered_by(slot["doctor"]))
        if "type" not in fields and types:
            slot["type"] = self._likely_type(types, slot)
        return slot, types

    def _patient(self, slot: dict[str, Any]) -> Patient | None:
        if not slot["patient"] or slot.get("new"):
            return None
        patient: Patient = Patient.objects.visible_to(self.user).get_or_refuse(pk=slot["patient"])
        return patient

    def _preview(self, slot: dict[str, Any], patient: Patient | None, own: SlotHold | None) -> Preview:
        return preview_booking(
            by=self.user,
            doctor_id=slot["doctor"],
            start=slot["start"],
            type_id=slot["type"],
            patient_id=patient.pk if patient else None,
            office_id=slot["office"],
            room_id=slot["room"],
            hold_id=own.pk if own else None,
        )

    def _keep(self, slot: dict[str, Any], preview: Preview, own: SlotHold | None) -> tuple[SlotHold | None, str]:
        """Return what keeps the time while the form is open, and why it cannot be kept."""
        left = own if own and slot_holds.seconds_left(own) else None
        if not may_book(self.user) or preview.conflict or slot["start"] <= timezone.now():
            return left, ""
        try:
            hold = holds.hold(
                by=self.user,
                doctor_id=slot["doctor"],
                date=slot["start"],
                type_id=slot["type"],
                office_id=slot["office"],
                hold_id=own.pk if own else None,
            )
        except Refusal as refusal:
            return left, refusal.detail
        return hold, ""

    def _likely_type(self, types: list[AppointmentType], slot: dict[str, Any]) -> UUID:
        """Return what was booked last if it fits in before the next visit, else the first that does."""
        last = as_uuid(self.request.session.get(LAST_TYPE))
        minutes = free_minutes(self.user, slot["doctor"], slot["start"])
        in_order = sorted(types, key=lambda kind: kind.pk != last)
        return next((kind.pk for kind in in_order if kind.minutes <= minutes), in_order[0].pk)

    def _repeated(
        self, form: SlotForm, patient: Patient | None, preview: Preview, hold: SlotHold | None
    ) -> dict[str, Any]:
        """Return what would come of a series: each visit, and what speaks against it. Nothing is booked by it."""
        shown: dict[str, Any] = {"units": UNITS, "ends": ENDS, "first_guess": FIRST_GUESS}
        is_new = form.cleaned_data.get("new") and self.user.can(Permission.WRITE_CHARTS)
        if not (patient or is_new) or not form.repetition or not may_book(self.user):
            return shown
        asked = _booking(form.cleaned_data | {"doctor": preview.appointment.doctor_id}, hold) | form.repetition
        try:
            if patient:
                found = series.book(by=self.user, patient_id=patient.pk, dry_run=True, **asked)
            else:
                found = self._planned_for_new(asked)
        except Refusal as refusal:
            return {**shown, "repeat_refusal": getattr(refusal, "message", refusal.detail)}
        return {**shown, **repeating.described(found, preview.appointment.tzinfo)}

    def _planned_for_new(self, asked: dict[str, Any]) -> list[series.Occurrence]:
        """Return what a series of somebody would be who has no chart yet: one is opened for it, and taken back."""
        with transaction.atomic():
            chart = open_chart(by=self.user, name=gettext("New patient"), phone="000")
            found = series.book(by=self.user, patient_id=chart.pk, dry_run=True, **asked)
            transaction.set_rollback(True)
        return found


class Book(Slot):
    def post(self, request: HttpRequest) -> HttpResponse:
        if not may_book(self.user):
            raise PermissionDenied
        form = BookForm(request.POST)
        if not form.is_valid():
            return self.panel(form)
        slot = form.cleaned_data
        if not slot["doctor"]:  # of a calendar that shows rooms
            return self.panel(form, error=gettext("Choose a doctor first."))
        if not slot["new"] and not slot["patient"]:
            return self.panel(form, error=gettext("Choose a patient first."))
        if slot["new"] and not slot["confirm_new"]:
            if not self.user.can(Permission.WRITE_CHARTS):
                raise PermissionDenied
            same = find_possible_duplicates(by=self.user, name=slot["name"], phone=slot["phone"])
            if same:
                return self.panel(form, duplicates=same)
        try:
            appointment, number = self._book(slot, form.repetition)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.panel(form, error=refusal.detail)
        self.read([appointment])
        if slot["type"]:
            request.session[LAST_TYPE] = str(slot["type"])
        undo = {"status": AppointmentStatus.CANCELLED, "version": appointment.version}
        if number > 1:
            undo["scope"] = SeriesScope.ALL
        return changed_page(request, _booked(appointment, number), appointment, undo)

    @transaction.atomic
    def _book(self, slot: dict[str, Any], repetition: dict[str, Any]) -> tuple[Appointment, int]:
        """Return what was booked, the first of a series, and how many visits."""
        own = holds.find_own(by=self.user, doctor_id=slot["doctor"], moment=slot["start"], hold_id=slot["hold"])
        asked = _booking(slot, own)
        patient_id = slot["patient"]
        if slot["new"]:
            if not self.user.can(Permission.WRITE_CHARTS):
                raise PermissionDenied
            patient_id = open_chart(by=self.user, name=slot["name"], phone=slot["phone"]).pk
        if repetition:
            found = series.book(by=self.user, patient_id=patient_id, skip_conflicts=slot["skip"], **asked, **repetition)
            booked = [one.appointment_id for one in found if one.appointment_id]
            return get_visit(self.user, booked[0]), len(booked)
        return services.book(by=self.user, patient_id=patient_id, **asked), 1


def _is_name(text: str) -> bool:
    """Tell a name from what else is searched for: a phone number or a date of birth."""
    return not any(letter.isdigit() for letter in text)


def _booking(slot: dict[str, Any], hold: SlotHold | None) -> dict[str, Any]:
    """Return what the services book, but for the patient."""
    return {
        "doctor_id": slot["doctor"],
        "date": slot["start"],
        "reason": slot.get("reason") or _usual_reason(slot["type"]),
        "office_id": slot["office"],
        "type_id": slot["type"],
        "room_id": slot["room"],
        "allow_overlap": slot["allow_overlap"],
        "allow_past": slot["allow_past"],
        "hold_id": hold.pk if hold else None,
    }


def _booked(appointment: Appointment, number: int) -> str:
    said = {**described(appointment), "number": number}
    if number == 1:
        return gettext("Booked %(patient)s with %(doctor)s, %(time)s") % said
    sentence = ngettext(
        "Booked %(number)s visit of %(patient)s with %(doctor)s, the first on %(time)s",
        "Booked %(number)s visits of %(patient)s with %(doctor)s, the first on %(time)s",
        number,
    )
    return sentence % said


def _usual_reason(type_id: UUID | None) -> str:
    kind = AppointmentType.objects.filter(pk=type_id).first() if type_id else None
    return kind.name if kind else gettext("Visit")


def may_book(user: User) -> bool:
    return user.can(Permission.BOOK) or user.can(Permission.BOOK_IN_ADMIN_SITE)


def _is_today(request: Any, moment: Any) -> bool:
    return bool(moment.astimezone(request.practice.tzinfo).date() == request.practice.today())


def _kept_context(hold: SlotHold | None, not_kept: str) -> dict[str, Any]:
    return {
        "hold": hold,
        "not_kept": not_kept,
        "kept_until": slot_holds.until(hold, timezone.get_current_timezone()) if hold else "",
        "kept_seconds": slot_holds.seconds_left(hold) if hold else 0,
    }


class KeepSlot(Slot):
    """Extend the hold of the open form by three minutes, or hold the time again; the fields stay as they are."""

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SlotForm(request.POST)
        slot, _types = self._checked(form, dict(form.data.items()))
        own = holds.find_own(by=self.user, doctor_id=slot["doctor"], moment=slot["start"], hold_id=slot["hold"])
        preview = self._preview(slot, None, own)
        hold, why = self._keep(slot, preview, own)
        shown = _kept_context(hold, str(preview.conflict or why))
        return render(request, "appointments/calendar/kept.html", shown)


keep_slot = shows_no_patient("a time that the open form keeps")(KeepSlot.as_view())


class ReleaseSlot(CalendarPage):
    """The form was closed: others may have the time."""

    http_method_names = ["post"]
    is_counted = False

    def post(self, request: HttpRequest) -> HttpResponse:
        holds.drop(by=self.user, hold_id=HoldForm(request.POST).validated_data["hold"])
        return HttpResponse(status=204)


release_slot = shows_no_patient("a time that a closed form kept")(ReleaseSlot.as_view())


class FoundPatients(CalendarPage):
    """Patients while somebody types. The text comes in the body: addresses end up in logs."""

    def post(self, request: HttpRequest) -> HttpResponse:
        query = SearchForm(request.POST).validated_data["q"]
        hits = search_charts(Patient.objects.listed_for(self.user).newest_first(), query) if query else []
        if isinstance(hits, list):
            hits = (
                Patient.objects.filter(pk__in=hits[: MAX_HITS + 1]).newest_first() if hits else Patient.objects.none()
            )
        found = list(hits.brief()[: MAX_HITS + 1])
        self.read(found[:MAX_HITS], kind=AuditEvent.CHARTS_SEARCHED, about=Patient._meta.label, searched=bool(query))
        context = {
            "query": query,
            "found": found[:MAX_HITS],
            "are_more": len(found) > MAX_HITS,
            "may_open_charts": self.user.can(Permission.WRITE_CHARTS),
        }
        return render(request, "appointments/calendar/found.html", context)
