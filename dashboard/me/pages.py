"""What patients do themselves: see, move and cancel visits, see who opened their chart, download it. What they do with
their account is in account_pages.py. Rules and audit events are those of the API, whose services these pages call."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from appointments import services
from appointments.booking_rules import TOO_LATE, is_late
from appointments.calendar.forms import DayField
from appointments.calendar.page import describe_time
from appointments.calendar.visit import get_visit
from appointments.models import Appointment, AppointmentStatus, SlotOffer
from appointments.schedule import availability
from appointments.waiting_list import services as waiting_list
from audit import queries
from audit.events import AuditEvent
from audit.queries import EventFilter
from audit_review.entries import Entry, entries
from audit_review.serializers import AccessShape
from billing.accounts.pdf import describe
from billing.accounts.services import account_of, entries_of
from billing.invoices.pdf import invoice_pdf
from billing.invoices.services import get_invoice
from billing.models import Invoice, LedgerEntry
from billing.payments.pdf import receipt_pdf
from billing.payments.services import get_payment
from core.admin.access_log import log_page_refusal
from core.admin.base import current_user
from core.errors import Invalid, NotFound, Refusal
from core.pages import WorkPage, pdf_response
from core.permissions import Permission
from core.tenancy.scope import current_practice_id
from integrations import payments
from patients.message_wishes.pages import WishesPage
from patients.models import Patient
from patients.restriction.services import check_access
from practices.services import current_practice
from records.attachments.downloads import download_response
from records.export.services import export_chart
from records.forms.services import forms_of
from records.models import PatientForm

PAST_SHOWN, ACCESSES_SHOWN, TIMES_SHOWN, BILLS_SHOWN, FORMS_SHOWN = 20, 25, 60, 25, 50
DAYS_SEARCHED = timedelta(days=14)
CHART = Patient._meta.label


class OwnPage(WorkPage):
    """A page for patients alone."""

    needs = Permission.READ_OWN_CHART
    about = Appointment._meta.label

    def chart(self) -> Patient:
        chart = Patient.objects.visible_to(self.user).order_by("id").first()
        if chart is None:
            raise NotFound(gettext("The practice has no chart of yours. Please contact the practice."))
        return check_access(self.user, chart)


class Overview(OwnPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        visits = Appointment.objects.visible_to(self.user).with_people().with_offices().select_related("type")
        now = timezone.now()
        to_come = visits.filter(status=AppointmentStatus.SCHEDULED, ends_at__gt=now).order_by("starts_at", "id")
        others = visits.exclude(status=AppointmentStatus.SCHEDULED, ends_at__gt=now).order_by("-starts_at", "-id")
        coming, past = list(to_come), list(others[:PAST_SHOWN])
        for visit in coming:
            visit.may_change = visit.starts_at > now and not is_late(visit.starts_at)
        offers = list(SlotOffer.objects.open().visible_to(self.user).with_shown().order_by("starts_at", "id"))
        own_forms = list(PatientForm.objects.visible_to(self.user).with_people().newest_first()[:FORMS_SHOWN])
        hits = len(coming) + len(past)
        self.read([*coming, *past, *offers, *own_forms], kind=AuditEvent.APPOINTMENTS_LISTED, hits=hits)
        shown = {
            "offers": list(zip(offers, availability.visits_of(offers), strict=True)),
            "coming": coming,
            "past": past,
            "too_late": TOO_LATE,
            "practice": current_practice(),
            **forms_of(coming, own_forms),
        }
        return render(request, "dashboard/me/overview.html", shown)


# --- Visits ----------------------------------------------------------------------------------------------------------


class DecideOffer(OwnPage):
    """Say yes or no to a time that is offered to somebody who waits."""

    needs = Permission.CHANGE_OWN_APPOINTMENTS
    verb = staticmethod(waiting_list.accept)

    def get(self, request: HttpRequest, entry_id: UUID, offer_id: UUID) -> HttpResponse:
        return redirect("my_page")  # after a sign-in

    def post(self, request: HttpRequest, entry_id: UUID, offer_id: UUID) -> HttpResponse:
        refusal = None if self.accepted(entry_id, offer_id) else self.decide(entry_id, offer_id)
        if booked := self.accepted(entry_id, offer_id):  # also by an earlier click
            messages.success(request, gettext("Booked: your visit on %(time)s.") % {"time": describe_time(booked)})
        elif refusal:
            log_page_refusal(request, refusal)
            messages.error(request, refusal.detail)
        else:
            messages.success(request, gettext("Declined. You stay on the waiting list."))
        return redirect("my_page")

    def accepted(self, entry_id: UUID, offer_id: UUID) -> Appointment | None:
        offer = SlotOffer.objects.visible_to(self.user).with_shown().filter(pk=offer_id, entry=entry_id).first()
        return offer.accepted_visit() if offer else None

    def decide(self, entry_id: UUID, offer_id: UUID) -> Refusal | None:
        try:
            self.verb(by=self.user, entry_id=entry_id, offer_id=offer_id)
        except Refusal as refusal:
            return refusal
        return None


class DeclineOffer(DecideOffer):
    verb = staticmethod(waiting_list.take_back)  # type: ignore[assignment]


class TimeForm(forms.Form):
    """A free time that was picked, and the version of the visit on the page."""

    start = forms.DateTimeField(required=False)
    version = forms.IntegerField()


class FromForm(forms.Form):
    day = DayField()


class VisitPage(OwnPage):
    """A page that changes one visit; what the practice does not allow is said on the overview."""

    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        visit = get_visit(self.user, visit_id)
        try:
            shown = self.context(visit)
        except Refusal as refusal:
            return self.refused(refusal)
        self.read([visit], about_id=visit.pk)
        return render(request, self.template, {"visit": visit, **shown})  # type: ignore[attr-defined]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        form = TimeForm(request.POST)
        if not form.is_valid():
            raise Invalid("start", gettext("Choose a time from the list."))
        try:
            sentence = self.save(visit_id, **form.cleaned_data)
        except Refusal as refusal:
            return self.refused(refusal)
        messages.success(request, sentence)
        return redirect("my_page")

    def refused(self, refusal: Refusal) -> HttpResponse:
        log_page_refusal(self.request, refusal)
        messages.error(self.request, refusal.message if isinstance(refusal, Invalid) else refusal.detail)
        return redirect("my_page")

    def context(self, visit: Appointment) -> dict[str, Any]:
        return {}

    def save(self, visit_id: UUID, *, start: datetime | None, version: int) -> str:
        raise NotImplementedError


class CancelVisit(VisitPage):
    template = "dashboard/me/cancel.html"

    def save(self, visit_id: UUID, *, start: datetime | None, version: int) -> str:
        visit = services.change(
            by=self.user, appointment_id=visit_id, expected=version, status=AppointmentStatus.CANCELLED
        )
        return gettext("Cancelled: your visit on %(time)s.") % {"time": describe_time(visit)}


class MoveVisit(VisitPage):
    template = "dashboard/me/move.html"

    def context(self, visit: Appointment) -> dict[str, Any]:
        """Return the free times with the same doctor, by day, from the day that was asked for on."""
        asked = FromForm(self.request.GET)
        day = (asked.cleaned_data["day"] if asked.is_valid() else None) or timezone.localdate()
        times = list(islice(self._free_from(visit, day), TIMES_SHOWN))
        days = [(of, list(those)) for of, those in groupby(times, key=datetime.date)]
        if len(times) == TIMES_SHOWN and len(days) > 1:
            days.pop()  # which is not whole
        later = days[-1][0] + timedelta(days=1) if days else day + DAYS_SEARCHED
        is_last = later > timezone.localdate() + timedelta(days=366)
        return {"days": days, "later": None if is_last else later, "first": day}

    def _free_from(self, visit: Appointment, day: date) -> Iterator[datetime]:
        start, _end = current_practice().day_bounds(day)
        found = availability.find_times(
            by=self.user,
            start=max(start, timezone.now()),
            end=start + DAYS_SEARCHED,
            type_id=visit.type_id,
            doctor_id=visit.doctor_id,
        )
        return (begins.astimezone(visit.tzinfo) for begins, _ends, _places in found)

    def save(self, visit_id: UUID, *, start: datetime | None, version: int) -> str:
        if start is None:
            raise Invalid("start", gettext("Choose a time from the list."))
        visit = services.change(by=self.user, appointment_id=visit_id, expected=version, date=start)
        return gettext("Moved: your visit is now on %(time)s.") % {"time": describe_time(visit)}


# --- The chart -------------------------------------------------------------------------------------------------------


class Accesses(OwnPage):
    """Who opened or changed the chart, newest first."""

    needs = Permission.READ_OWN_ACCESSES
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        chart = self.chart()
        event_filter = EventFilter(practice_id=current_practice_id(), patient=chart.pk)
        try:
            cursor = UUID(request.GET["after"]) if "after" in request.GET else None
            events, older = queries.page(event_filter, after=cursor, limit=ACCESSES_SHOWN)
        except (ValueError, queries.InvalidCursor) as error:
            raise Http404 from error
        rows = [AccessShape.shown_to(self.user, entry) for entry in entries(events)]
        self.read([chart], kind=AuditEvent.ACCESSES_READ, about=CHART, about_id=chart.pk, hits=len(rows))
        turns = [_turn(list(of_one)) for _who, of_one in groupby(rows, key=_who_and_day)]
        return render(request, "dashboard/me/accesses.html", {"turns": turns, "older": older, "cursor": cursor})


@dataclass(frozen=True)
class Turn:
    """What one person did in a row, newest first, on one day."""

    last: Entry
    since: datetime | None  # of the first, where it was more than one
    labels: list[str]


def _turn(of_one: list[Entry]) -> Turn:
    since = of_one[-1].event.at if len(of_one) > 1 else None
    return Turn(of_one[0], since, list(dict.fromkeys(entry.label for entry in of_one)))


def _who_and_day(entry: Entry) -> tuple[Any, ...]:
    """What one person did in a row on a day is shown as one, or one's own page would bury who else was there."""
    return entry.event.user_id, entry.api_key, entry.person, entry.event.outcome, timezone.localdate(entry.event.at)


class Bills(OwnPage):
    """What the patient was billed and has paid."""

    needs = Permission.READ_OWN_BILLING
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        chart = self.chart()
        account = account_of(by=self.user, patient_id=chart.pk)
        entries = entries_of(chart).select_related("invoice").order_by("-id")
        page = Paginator(entries, BILLS_SHOWN).get_page(request.GET.get("page"))
        rows = [(entry, describe(entry)) for entry in page]
        self.read([chart], kind=AuditEvent.ACCOUNT_READ, about=CHART, about_id=chart.pk, hits=page.paginator.count)
        unpaid = Invoice.objects.filter(patient=chart).with_sums().unpaid().order_by("due_on", "id")
        shown = {"account": account, "owed": abs(account.balance), "rows": rows, "page": page, "unpaid": unpaid}
        shown["may_pay"] = payments.is_configured()
        return render(request, "dashboard/me/bills.html", shown)


class Bill(OwnPage):
    """An invoice or a credit note, to print."""

    needs = Permission.READ_OWN_BILLING
    about = Invoice._meta.label
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        invoice = get_invoice(by=self.user, invoice_id=invoice_id)
        self.read([invoice], kind=AuditEvent.INVOICE_READ, about_id=invoice.pk)
        printed = invoice_pdf(invoice, practice=current_practice(), by=self.user)
        return pdf_response(printed, str(invoice.number))


class Receipt(OwnPage):
    """A receipt, to print."""

    needs = Permission.READ_OWN_BILLING
    about = LedgerEntry._meta.label
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, payment_id: UUID) -> HttpResponse:
        payment = get_payment(by=self.user, payment_id=payment_id)
        self.read([payment], kind=AuditEvent.PAYMENT_READ, about_id=payment.pk)
        printed = receipt_pdf(payment, practice=current_practice(), by=self.user)
        return pdf_response(printed, "receipt")


class DownloadData(OwnPage):
    """The whole chart as a ZIP. By POST: a link that is followed by accident must not make one."""

    needs = Permission.EXPORT_OWN_CHART
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        chart = self.chart()
        self.read([chart], about=CHART, about_id=chart.pk, kind=AuditEvent.CHART_EXPORTED)
        chunks = export_chart(chart, practice=current_practice(), by=self.user)
        return download_response(chunks, name="chart.zip", content_type="application/zip")


download_data = DownloadData.as_view()


# --- Messages ---------------------------------------------------------------------------------------------------------


class OwnMessages(WishesPage):
    """Which messages one gets oneself."""

    needs = Permission.CHANGE_OWN_CONTACT

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hasattr(request, "practice") or not request.user.is_authenticated:
            return super().dispatch(request, *args, patient_id=UUID(int=0), **kwargs)
        chart = Patient.objects.visible_to(current_user(request)).order_by("id").first()
        return super().dispatch(request, *args, patient_id=chart.pk if chart else UUID(int=0), **kwargs)

    def back(self, patient_id: UUID) -> str:
        return reverse("my_page")
