"""A patient's visits of a month with their codes: where superbills and claims are printed from."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from appointments.calendar.page import describe_time
from appointments.models import Appointment, AppointmentStatus
from audit.events import AuditEvent
from billing.claims import services
from billing.claims.cms1500 import claim_pdf
from billing.claims.pdf import superbill_pdf
from billing.claims.services import NO_CODES
from billing.claims.views import days_of_month
from billing.models import Coverage, VisitCoding
from core.errors import NotFound
from core.forms import CheckedForm
from core.pages import WorkPage, pdf_response
from core.permissions import Permission
from patients.restriction.services import get_accessible_chart
from practices.services import current_practice


class MonthForm(CheckedForm):
    month = forms.RegexField(r"^\d{4}-\d{2}$", required=False)


class MonthPage(WorkPage):
    """All visits of the month that were not cancelled, so that one sees which have no codes yet."""

    http_method_names = ["get", "head"]
    needs = Permission.CODE_VISITS
    about = VisitCoding._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        first, last = days_of_month(MonthForm(request.GET).validated_data["month"])
        chart = get_accessible_chart(self.user, patient_id)
        practice = self.request.practice
        start, end = practice.day_bounds(first)[0], practice.day_bounds(last)[1]
        found: Any = Appointment.objects.visible_to(self.user).filter(patient=chart)
        found = found.filter(starts_at__gte=start, starts_at__lt=end).exclude(status=AppointmentStatus.CANCELLED)
        visits = list(found.with_people().with_offices().defer("reason", "notes").order_by("starts_at", "id"))
        coded = {row.appointment_id: row for row in VisitCoding.objects.filter(appointment__in=visits)}
        self.read([chart, *visits], kind=AuditEvent.INVOICE_READ, about_id=chart.pk)
        rows = [self._row(visit, coded.get(visit.pk)) for visit in visits]
        context = {"chart": chart, "month": f"{first:%Y-%m}", "rows": rows, "has_codes": bool(coded)}
        context |= {"currency": practice.currency}
        return render(request, "billing/claims/month.html", context)

    def _row(self, visit: Appointment, coding: VisitCoding | None) -> dict[str, Any]:
        lines = coding.content["lines"] if coding else []
        return {
            "visit": visit,
            "when": describe_time(visit),
            "codes": ", ".join([*(coding.content["diagnoses"] if coding else []), *(line["code"] for line in lines)]),
            "charge": sum(line["charge"] for line in lines),
        }


class PrintMonth(WorkPage):
    http_method_names = ["get", "head"]
    needs = Permission.CODE_VISITS
    about = VisitCoding._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        first, last = days_of_month(MonthForm(request.GET).validated_data["month"])
        chart, codings = services.coded_visits(by=self.user, patient_id=patient_id, first=first, last=last)
        if not codings:
            raise NotFound(NO_CODES)
        self.read([chart], kind=AuditEvent.INVOICE_READ, about_id=chart.pk)
        coverages = list(Coverage.objects.filter(patient=chart))
        printed = superbill_pdf(chart, codings, coverages, practice=self.request.practice, by=self.user)
        return pdf_response(printed, f"superbill-{first:%Y-%m}")


class PrintClaim(WorkPage):
    http_method_names = ["get", "head"]
    needs = Permission.CODE_VISITS
    about = VisitCoding._meta.label

    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        visit, coding = services.get_coded(by=self.user, appointment_id=visit_id)
        self.read([visit], kind=AuditEvent.INVOICE_READ, about_id=visit.pk)
        coverages = list(Coverage.objects.filter(patient=visit.patient_id))
        return pdf_response(claim_pdf(coding, coverages, practice=current_practice()), "cms-1500")
