"""What claims need: codes of visits, insurances, identities; and the superbill."""

import calendar
from datetime import date
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.time_rules import EARLIEST, LATEST
from audit.events import AuditEvent
from billing.claims import services
from billing.claims.cms1500 import claim_pdf
from billing.claims.pdf import superbill_pdf
from billing.claims.serializers import (
    CodingInput,
    CodingShape,
    CoverageShape,
    CoveragesInput,
    CoveragesShape,
    IdentitiesShape,
    IdentityInput,
    IdentityShape,
)
from billing.claims.services import NO_CODES
from billing.models import Coverage, ProviderIdentity, VisitCoding
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.serializers import StrictCharField, StrictSerializer
from core.api.views import ApiView
from core.errors import Invalid, NotFound
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import emergency_details
from practices.services import current_practice
from records.attachments.downloads import download_response

CODE = Permission.CODE_VISITS
NOT_A_MONTH = _("Enter a month such as 2026-11.")


class VisitCodes(ApiView):
    """Doctors code what they did; who bills completes it."""

    permissions = {"GET": CODE, "PUT": CODE}
    audit_events = {"GET": AuditEvent.INVOICE_READ, "PUT": AuditEvent.INVOICE_READ}
    audited_model = VisitCoding._meta.label
    extra_errors = {"GET": NOT_FOUND, "PUT": NOT_FOUND | stale(CodingShape, "It changed since it was read.")}

    def respond(self, visit: Any, coding: VisitCoding | None) -> Response:
        self.audit_read([visit.patient_id], about_id=visit.pk, **emergency_details([visit.patient]))
        return Response(services.shown(visit, coding))

    @extend_schema(responses={200: CodingShape}, summary="Get the diagnosis and service codes of a visit")
    def get(self, request: Request, appointment_id: UUID) -> Response:
        return self.respond(*services.get_visit(by=self.caller, appointment_id=appointment_id))

    @extend_schema(
        request=CodingInput, responses={200: CodingShape}, summary="Set the diagnosis and service codes of a visit"
    )
    def put(self, request: Request, appointment_id: UUID) -> Response:
        body = self.checked(CodingInput)
        expected = body.pop("version", None)
        services.code_visit(by=self.caller, appointment_id=appointment_id, expected=expected, **body)
        return self.respond(*services.get_visit(by=self.caller, appointment_id=appointment_id))


class PatientCoverages(ApiView):
    permissions = {"GET": Permission.READ_BILLING, "PUT": Permission.TAKE_PAYMENTS}
    audit_events = {"GET": AuditEvent.ACCOUNT_READ, "PUT": AuditEvent.ACCOUNT_READ}
    audited_model = Coverage._meta.label
    extra_errors = {"GET": NOT_FOUND, "PUT": NOT_FOUND}

    def respond(self, chart: Patient, rows: list[Coverage]) -> Response:
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        return Response({"coverages": [CoverageShape.to_dict(row) for row in rows]})

    @extend_schema(responses={200: CoveragesShape}, summary="Get the insurances of a patient")
    def get(self, request: Request, chart_id: UUID) -> Response:
        return self.respond(*services.coverages_of(by=self.caller, patient_id=chart_id))

    @extend_schema(
        request=CoveragesInput,
        responses={200: CoveragesShape},
        summary="Set the insurances of a patient",
        description="All of them, in the order in which they are asked to pay.",
    )
    def put(self, request: Request, chart_id: UUID) -> Response:
        services.set_coverages(by=self.caller, patient_id=chart_id, **self.checked(CoveragesInput))
        return self.respond(*services.coverages_of(by=self.caller, patient_id=chart_id))


class Identities(ApiView):
    permissions = {"GET": Permission.MANAGE_BILLING, "PUT": Permission.MANAGE_BILLING}
    extra_errors = {"PUT": NOT_FOUND}

    @extend_schema(responses={200: IdentitiesShape}, summary="Get by what payers know the practice and its doctors")
    def get(self, request: Request) -> Response:
        rows = ProviderIdentity.objects.exclude(doctor=None).order_by("doctor_id")
        known = [services.identity_of(None), *rows]
        return Response({"identities": [IdentityShape.to_dict(row) for row in known]})

    @extend_schema(
        request=IdentityInput, responses={200: IdentityShape}, summary="Set NPI, taxonomy and tax id, of one of them"
    )
    def put(self, request: Request) -> Response:
        body = {"doctor_id": None, **self.checked(IdentityInput)}
        return Response(IdentityShape.to_dict(services.set_identity(by=self.caller, **body)))


class MonthQuery(StrictSerializer):
    month = StrictCharField(max_length=7, required=False, help_text="Such as 2026-11; by default this one.")


def days_of_month(text: str | None) -> tuple[date, date]:
    """Raises Invalid."""
    first = current_practice().today().replace(day=1)
    if text:
        try:
            first = date.fromisoformat(f"{text}-01")
        except ValueError as error:
            raise Invalid("month", NOT_A_MONTH) from error
    if not EARLIEST.year <= first.year < LATEST.year:  # there are no visits, and 9999 ends on the last day there is
        raise Invalid("month", NOT_A_MONTH)
    return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])


class OfSuperbill(ApiView):
    permissions = {"GET": CODE}
    audit_events = {"GET": AuditEvent.INVOICE_READ}
    audited_model = VisitCoding._meta.label
    extra_errors = {"GET": NOT_FOUND}

    def printed(self, chart: Patient, codings: list[VisitCoding]) -> StreamingHttpResponse:
        if not codings:
            raise NotFound(NO_CODES)
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        coverages = list(Coverage.objects.filter(patient=chart))
        file = superbill_pdf(chart, codings, coverages, practice=current_practice(), by=self.caller)
        return download_response([file], name="superbill.pdf", content_type="application/pdf", size=len(file))


class VisitSuperbill(OfSuperbill):
    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="Download the superbill of a visit"
    )
    def get(self, request: Request, appointment_id: UUID) -> StreamingHttpResponse:
        visit, coding = services.get_coded(by=self.caller, appointment_id=appointment_id)
        return self.printed(visit.patient, [coding])


class PatientSuperbill(OfSuperbill):
    @extend_schema(
        parameters=[MonthQuery],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        summary="Download the superbill of a patient's visits of a month",
    )
    def get(self, request: Request, chart_id: UUID) -> StreamingHttpResponse:
        first, last = days_of_month(self.checked_query(MonthQuery).get("month"))
        return self.printed(*services.coded_visits(by=self.caller, patient_id=chart_id, first=first, last=last))


class VisitClaim(ApiView):
    permissions = {"GET": CODE}
    audit_events = {"GET": AuditEvent.INVOICE_READ}
    audited_model = VisitCoding._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        summary="Download the fields of the CMS-1500 (02/12) for a visit",
        description="To the patient's first insurance. What Praxis does not know is left empty.",
    )
    def get(self, request: Request, appointment_id: UUID) -> StreamingHttpResponse:
        visit, coding = services.get_coded(by=self.caller, appointment_id=appointment_id)
        self.audit_read([visit.patient_id], about_id=visit.patient_id, **emergency_details([visit.patient]))
        coverages = list(Coverage.objects.filter(patient=visit.patient_id))
        file = claim_pdf(coding, coverages, practice=current_practice())
        return download_response([file], name="cms-1500.pdf", content_type="application/pdf", size=len(file))
