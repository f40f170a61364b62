"""Invoices and credit notes."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from billing.invoices import services
from billing.invoices.pdf import invoice_pdf
from billing.invoices.serializers import (
    CreditInput,
    DraftChange,
    DraftInput,
    InvoiceBrief,
    InvoicePage,
    InvoiceQuery,
    InvoiceShape,
    IssueInput,
    WriteOffInput,
)
from billing.ledger import IS_DRAFT
from billing.models import Invoice
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version, given_version
from core.api.views import ApiView
from core.errors import Conflict
from core.permissions import Permission
from patients.restriction.services import emergency_details, get_accessible_chart
from practices.services import current_practice
from records.attachments.downloads import download_response

SEE = (Permission.READ_BILLING, Permission.READ_OWN_BILLING)
MANAGE = Permission.MANAGE_BILLING
BILLED = {"409": "A visit is on another invoice already, or was cancelled."}
STALE = stale(InvoiceShape, "It was issued, or changed since it was read; `current` is what it says now.")
NOT_OPEN = {"409": "It is a draft or a credit note, was credited already, or nothing of it is open."}


class OfInvoices(ApiView):
    audited_model = Invoice._meta.label

    def respond(self, invoice: Invoice, status: int = 200) -> Response:
        self.audit_read([invoice.patient_id], about_id=invoice.pk, **emergency_details([invoice.patient]))
        return Response(InvoiceShape.to_dict(invoice), status=status, headers=etag(invoice.version))

    def shown(self, invoice_id: UUID) -> dict[str, Any]:
        return InvoiceShape.to_dict(services.get_invoice(by=self.caller, invoice_id=invoice_id))


class Invoices(OfInvoices):
    permissions = {"GET": SEE, "POST": MANAGE}
    audit_events = {"GET": AuditEvent.INVOICES_LISTED, "POST": AuditEvent.CREATED}
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | BILLED}

    @extend_schema(
        parameters=[InvoiceQuery],
        responses={200: InvoicePage},
        summary="List invoices and credit notes, newest first",
        description="Patients see what was issued to them. `unpaid` is all of which something is open.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(InvoiceQuery)
        page = Page.taken_from(query)
        found = Invoice.objects.visible_to(self.caller)
        if "payer" in query:
            found = found.filter(kept_open__payer=bytes.fromhex(query["payer"]))
        if "patient" in query:
            found = found.filter(patient=get_accessible_chart(self.caller, query["patient"]))
        summed = found.with_sums()
        state = query.get("status")
        if state:
            summed = summed.unpaid() if state == "unpaid" else summed.in_state(state)
        listed = summed.select_related("patient").only(*_columns(), "patient__name", "patient__restricted")
        rows = page.rows(listed.order_by("-id"))
        total = page.total(summed.count if state else found.count)
        self.audit_read((row.patient_id for row in rows), hits=total, **page.asked)
        shown = [InvoiceBrief.to_dict(row) for row in rows]
        return Response({"invoices": shown, "total": total, **page.asked, **page.next})

    @extend_schema(
        request=DraftInput,
        parameters=[ETAG],
        responses={201: InvoiceShape},
        summary="Write a draft of an invoice",
        description="With lines of their own, from visits, or both. It becomes an invoice when it is issued.",
    )
    def post(self, request: Request) -> Response:
        return self.respond(services.write_draft(by=self.caller, **self.checked(DraftInput)), status=201)


def _columns() -> list[str]:
    left_out = {"note", "reason", "payer_address", "patient_address"}
    return [field.attname for field in Invoice._meta.concrete_fields if field.name not in left_out]


class InvoiceById(OfInvoices):
    permissions = {"GET": SEE, "PATCH": MANAGE, "DELETE": MANAGE}
    audit_events = {
        "GET": AuditEvent.INVOICE_READ,
        "PATCH": AuditEvent.CHANGED,
        "DELETE": AuditEvent.SOFT_DELETED,
    }
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | BILLED | STALE, "DELETE": NOT_FOUND | STALE}

    @extend_schema(parameters=[ETAG], responses={200: InvoiceShape}, summary="Get an invoice or a credit note")
    def get(self, request: Request, invoice_id: UUID) -> Response:
        return self.respond(services.get_invoice(by=self.caller, invoice_id=invoice_id))

    @extend_schema(
        request=DraftChange, parameters=[IF_MATCH, ETAG], responses={200: InvoiceShape}, summary="Change a draft"
    )
    def patch(self, request: Request, invoice_id: UUID) -> Response:
        changes = self.checked_changes(DraftChange, shown=lambda: self.shown(invoice_id))
        expected = expected_version(request, changes.pop("version", None))
        return self.respond(services.change_draft(by=self.caller, invoice_id=invoice_id, expected=expected, **changes))

    @extend_schema(parameters=[IF_MATCH], responses={204: None}, summary="Delete a draft")
    def delete(self, request: Request, invoice_id: UUID) -> Response:
        services.remove_draft(by=self.caller, invoice_id=invoice_id, expected=given_version(request, None))
        return Response(status=204)


class IssueInvoice(OfInvoices):
    permissions = {"POST": MANAGE}
    audit_events = {"POST": AuditEvent.INVOICE_ISSUED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=IssueInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: InvoiceShape},
        summary="Issue a draft",
        description="It gets the next number of the year, copies the names, and never changes again.",
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        body = self.checked(IssueInput)
        expected = given_version(request, body.pop("version", None))
        return self.respond(services.issue(by=self.caller, invoice_id=invoice_id, expected=expected, **body))


class CreditInvoice(OfInvoices):
    permissions = {"POST": MANAGE}
    audit_events = {"POST": AuditEvent.INVOICE_CREDITED}
    extra_errors = {"POST": NOT_FOUND | NOT_OPEN}

    @extend_schema(
        request=CreditInput,
        parameters=[ETAG],
        responses={201: InvoiceShape},
        summary="Undo an invoice by a credit note",
        description="Answers the credit note. What was paid is the patient's credit again.",
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        note = services.credit(by=self.caller, invoice_id=invoice_id, **self.checked(CreditInput))
        return self.respond(note, status=201)


class WriteOffInvoice(OfInvoices):
    permissions = {"POST": MANAGE}
    audit_events = {"POST": AuditEvent.WRITTEN_OFF}
    extra_errors = {"POST": NOT_FOUND | NOT_OPEN}

    @extend_schema(
        request=WriteOffInput,
        parameters=[ETAG],
        responses={200: InvoiceShape},
        summary="Write off what is open of an invoice, or a part of it",
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        return self.respond(services.write_off(by=self.caller, invoice_id=invoice_id, **self.checked(WriteOffInput)))


class InvoicePdf(OfInvoices):
    permissions = {"GET": SEE}
    audit_events = {"GET": AuditEvent.INVOICE_READ}
    extra_errors = {"GET": NOT_FOUND | {"409": "It is still a draft."}}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="Download an invoice or credit note as a PDF"
    )
    def get(self, request: Request, invoice_id: UUID) -> StreamingHttpResponse:
        invoice = services.get_invoice(by=self.caller, invoice_id=invoice_id)
        if invoice.is_draft:
            raise Conflict(IS_DRAFT)
        self.audit_read([invoice.patient_id], about_id=invoice.pk, **emergency_details([invoice.patient]))
        printed = invoice_pdf(invoice, practice=current_practice(), by=self.caller)
        name = f"{invoice.kind.replace('_', '-')}-{invoice.number}.pdf"
        return download_response([printed], name=name, content_type="application/pdf", size=len(printed))
