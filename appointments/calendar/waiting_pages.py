"""The waiting list beside the calendar: who waits, what would suit them, and offers of a free time."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext

from accounts.models import User
from appointments.calendar import waiting
from appointments.calendar.booking_pages import Slot
from appointments.calendar.forms import OfferForm, SlotForm, WaitingForm
from appointments.calendar.page import CalendarPage, changed_page, described, message_response
from appointments.holds import services as holds
from appointments.models import AppointmentStatus, AppointmentType, Priority, WaitingListEntry
from appointments.models.waiting_list import ANY_DAY
from appointments.waiting_list import services
from appointments.waiting_list.services import weekdays_of
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.errors import Refusal
from core.formats import format_time
from core.permissions import Permission
from patients.models import Patient

ABOUT = WaitingListEntry._meta.label


class WaitingList(CalendarPage):
    """Who waits."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.panel()

    def panel(self, **done: Any) -> HttpResponse:
        """Return the list; `done` is the entry that was just removed, or put back."""
        _check(self.user)
        shown = {**waiting.listed(self.user, self.request.practice.tzinfo), **done}
        self.read(shown["charts"], kind=AuditEvent.WAITING_LIST_READ, about=ABOUT, hits=len(shown["entries"]))
        return render(self.request, "appointments/calendar/waiting.html", shown)


class EntryPanel(CalendarPage):
    """What would suit a patient: for a new entry of the waiting list, or one that is there."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        return self.panel(WaitingForm(request.POST))

    def panel(self, form: WaitingForm, *, error: str = "", is_filled: bool = False) -> HttpResponse:
        _check(self.user)
        asked, entry = form.validated_data if not is_filled else form.cleaned_data, None
        if asked["entry"]:
            entry = _entry(self.user, asked["entry"])
        chart = Patient.objects.visible_to(self.user).get_or_refuse(pk=entry.patient_id if entry else asked["patient"])
        self.read([chart], kind=AuditEvent.WAITING_LIST_READ, about=ABOUT)
        filled = _filled_in(form) if is_filled or entry is None else _as_stored(entry, is_closed=chart.is_closed)
        context = {
            "form": form,
            "entry": entry,
            "chart": chart,
            "error": error,
            "filled": filled,
            "types": AppointmentType.objects.filter(is_active=True),
            "doctors": User.objects.doctors().order_by("id"),
            "weekdays": list(WEEKDAYS_ABBR.items()),
            "priorities": Priority.choices,
        }
        return render(self.request, "appointments/calendar/waiting_entry.html", context)


class SaveEntry(EntryPanel):
    def post(self, request: HttpRequest) -> HttpResponse:
        _check(self.user)
        form = WaitingForm(request.POST)
        if not form.is_valid():
            if {"patient", "entry", "type", "weekdays", "priority"} & form.errors.keys():
                form.validated_data  # noqa: B018 - raises
            return self.panel(form, error=" ".join(str(one[0]) for one in form.errors.values()), is_filled=True)
        asked, wishes = form.validated_data, form.wishes()
        try:
            if asked["entry"]:
                if _entry(self.user, asked["entry"]).patient.is_closed:
                    del wishes["note"]  # which the page has not shown
                entry = services.change(by=self.user, entry_id=asked["entry"], **wishes)
            else:
                entry = services.add(by=self.user, patient_id=asked["patient"], **wishes)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.panel(form, error=getattr(refusal, "message", refusal.detail), is_filled=True)
        self.read([entry], about=ABOUT, about_id=entry.pk)
        sentence = gettext("%(patient)s is on the waiting list.") % {"patient": entry.patient.name}
        return _closing(message_response(request, sentence))


class RemoveEntry(WaitingList):
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        _check(self.user)
        verb = services.put_back if "undo" in request.POST else services.withdraw
        entry = verb(by=self.user, entry_id=_checked_entry(request))
        return self.panel(done=entry, is_undone="undo" in request.POST)


class Offer(Slot):
    """Offer the free time to somebody who waits: it is kept for them instead of for the form."""

    def post(self, request: HttpRequest) -> HttpResponse:
        _check(self.user)
        asked = OfferForm(request.POST).validated_data
        try:
            with transaction.atomic():
                holds.drop(by=self.user, hold_id=asked["hold"])
                services.offer(by=self.user, entry_id=asked["entry"], doctor_id=asked["doctor"], date=asked["start"])
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.panel(SlotForm(request.POST), error=getattr(refusal, "message", refusal.detail))
        self.audit_details = {"kind": AuditEvent.SLOT_OFFERED, "about": ABOUT, "about_id": asked["entry"]}
        return self.panel(SlotForm(request.POST))


class TakeBack(Slot):
    def post(self, request: HttpRequest) -> HttpResponse:
        _check(self.user)
        asked = OfferForm(request.POST).validated_data
        try:
            services.take_back(by=self.user, entry_id=asked["entry"], offer_id=asked["offer"])
        except Refusal as refusal:  # the patient was faster
            log_page_refusal(request, refusal)
            return self.panel(SlotForm(request.POST), error=refusal.detail)
        return self.panel(SlotForm(request.POST))


class Accept(Slot):
    """The patient says yes on the phone."""

    def post(self, request: HttpRequest) -> HttpResponse:
        _check(self.user)
        asked = OfferForm(request.POST).validated_data
        try:
            booked = services.accept(by=self.user, entry_id=asked["entry"], offer_id=asked["offer"])
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.panel(SlotForm(request.POST), error=refusal.detail)
        self.read([booked])
        sentence = gettext("Booked %(patient)s with %(doctor)s, %(time)s") % described(booked)
        undo = {"status": AppointmentStatus.CANCELLED, "version": booked.version}
        return changed_page(request, sentence, booked, undo)


def _check(user: User) -> None:
    if not user.can(Permission.MANAGE_WAITING_LIST):
        raise PermissionDenied


def _entry(user: User, entry_id: UUID) -> WaitingListEntry:
    found = WaitingListEntry.objects.visible_to(user).select_related("patient").prefetch_related("wanted_doctors")
    entry: WaitingListEntry = found.get_or_refuse(pk=entry_id)
    return entry


def _checked_entry(request: HttpRequest) -> Any:
    return WaitingForm(request.POST).validated_data["entry"]


def _filled_in(form: WaitingForm) -> dict[str, Any]:
    sent = form.sent
    weekdays = [int(day) for day in sent.getlist("weekdays") if day.isdecimal()]
    return {**sent.dict(), "doctors": sent.getlist("doctors"), "weekdays": weekdays}


def _as_stored(entry: WaitingListEntry, *, is_closed: bool) -> dict[str, Any]:
    return {
        "type": str(entry.type_id or ""),
        "doctors": [str(wanted.doctor_id) for wanted in entry.wanted_doctors.all()],
        "weekdays": [] if entry.weekdays == ANY_DAY else weekdays_of(entry.weekdays),
        "first_day": entry.first_day.isoformat() if entry.first_day else "",
        "last_day": entry.last_day.isoformat() if entry.last_day else "",
        "earliest": format_time(entry.earliest) if entry.earliest else "",
        "latest": format_time(entry.latest) if entry.latest else "",
        "priority": str(entry.priority),
        "note": "" if is_closed else entry.note,
    }


def _closing(answer: HttpResponse) -> HttpResponse:
    """Have the page close its panel."""
    answer["HX-Trigger-After-Settle"] = "calendar:done"
    return answer
