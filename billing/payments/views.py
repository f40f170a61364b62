"""Payments."""

from uuid import UUID, uuid5

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from billing.invoices.serializers import InvoiceShape
from billing.invoices.services import get_invoice
from billing.invoices.views import OfInvoices
from billing.models import LedgerEntry
from billing.payments import services
from billing.payments.pdf import receipt_pdf
from billing.payments.serializers import (
    AllocationsInput,
    PaymentInput,
    PaymentPage,
    PaymentQuery,
    PaymentShape,
    RefundInput,
)
from core.api.idempotency import HEADER
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.versions import ETAG
from core.api.views import ApiView
from core.permissions import Permission
from patients.restriction.services import emergency_details, get_accessible_chart, inaccessible_to
from practices.services import current_practice
from records.attachments.downloads import download_response

SEE = (Permission.READ_BILLING, Permission.READ_OWN_BILLING)
NOT_TO_PAY = {"409": "An invoice is a draft or a credit note, or was credited."}


class OfPayments(ApiView):
    audited_model = LedgerEntry._meta.label

    def respond(self, payment: LedgerEntry, status: int = 200) -> Response:
        self.audit_read([payment.patient_id], about_id=payment.pk, **emergency_details([payment.patient]))
        return Response(PaymentShape.to_dict(payment), status=status)


class Payments(OfPayments):
    permissions = {"GET": SEE, "POST": Permission.TAKE_PAYMENTS}
    audit_events = {"GET": AuditEvent.PAYMENTS_LISTED, "POST": AuditEvent.PAYMENT_TAKEN}
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | NOT_TO_PAY}

    @extend_schema(
        parameters=[PaymentQuery],
        responses={200: PaymentPage},
        summary="List payments, newest first",
        description="Patients see their own.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(PaymentQuery)
        page = Page.taken_from(query)
        found = services.readable_payments(self.caller).exclude(patient__in=inaccessible_to(self.caller).values("pk"))
        if "patient" in query:
            found = found.filter(patient=get_accessible_chart(self.caller, query["patient"]))
        if query["has_credit"]:
            found = found.filter(kept_left__amount__gt=0)
        rows = page.rows(found.order_by("-id"))
        total = page.total(found.count)
        self.audit_read((row.patient_id for row in rows), hits=total, **page.asked)
        shown = [PaymentShape.to_dict(row) for row in rows]
        return Response({"payments": shown, "total": total, **page.asked, **page.next})

    @extend_schema(
        request=PaymentInput,
        responses={201: PaymentShape},
        summary="Take a payment",
        description="What is not put towards an invoice stays the patient's credit. Send an `Idempotency-Key`, so that "
        "it is taken once even if the answer is lost.",
    )
    def post(self, request: Request) -> Response:
        return self.respond(services.take(by=self.caller, **self.checked(PaymentInput)), status=201)


class PaymentById(OfPayments):
    permissions = {"GET": SEE}
    audit_events = {"GET": AuditEvent.PAYMENT_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(responses={200: PaymentShape}, summary="Get a payment")
    def get(self, request: Request, payment_id: UUID) -> Response:
        return self.respond(services.get_payment(by=self.caller, payment_id=payment_id))


class PaymentAllocations(OfPayments):
    permissions = {"POST": Permission.TAKE_PAYMENTS}
    audit_events = {"POST": AuditEvent.PAYMENT_ALLOCATED}
    extra_errors = {"POST": NOT_FOUND | NOT_TO_PAY}

    @extend_schema(
        request=AllocationsInput,
        responses={200: PaymentShape},
        summary="Put what is left of a payment towards invoices",
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        body = self.checked(AllocationsInput)
        return self.respond(services.allocate(by=self.caller, payment_id=payment_id, **body))


class RefundPayment(OfPayments):
    permissions = {"POST": Permission.MANAGE_BILLING}
    audit_events = {"POST": AuditEvent.PAYMENT_REFUNDED}
    extra_errors = {
        "POST": NOT_FOUND
        | {
            "409": "The payment was refunded as a whole, or another refund of it is under way; the same "
            "again is with its key, or with none.",
            "503": "The provider of online payments can't be reached. Try again: it is not done twice.",
        }
    }
    one_transaction = False  # nothing is locked while the provider is asked; a key sent again is the same refund

    @extend_schema(
        request=RefundInput,
        responses={200: PaymentShape},
        summary="Refund a payment, or a part of it",
        description="Never more than is left of it. Its credit goes first, then what was put towards invoices last: "
        "these are owed again, or with `writeOff` written off.",
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        values, key = self.checked(RefundInput), request.headers.get(HEADER)
        # after a refusal the key is free again, and for the provider another amount is another refund
        again = uuid5(payment_id, f"{self.caller.pk} {key} {values['amount'].normalize()}") if key else None
        return self.respond(services.refund(by=self.caller, payment_id=payment_id, refund_id=again, **values))


class UseCredit(OfInvoices):
    permissions = {"POST": Permission.TAKE_PAYMENTS}
    audit_events = {"POST": AuditEvent.PAYMENT_ALLOCATED}
    audited_model = LedgerEntry._meta.label
    extra_errors = {"POST": NOT_FOUND | {"409": "Nothing of it is open, or the patient has no credit."}}

    @extend_schema(
        request=None,
        parameters=[ETAG],
        responses={200: InvoiceShape},
        summary="Pay an invoice with the patient's credit",
        description="With as much as there is, the oldest payment first.",
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        services.use_credit(by=self.caller, invoice_id=invoice_id)
        return self.respond(get_invoice(by=self.caller, invoice_id=invoice_id))


class PaymentReceipt(OfPayments):
    permissions = {"GET": SEE}
    audit_events = {"GET": AuditEvent.PAYMENT_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY}, summary="Download the receipt of a payment as a PDF"
    )
    def get(self, request: Request, payment_id: UUID) -> StreamingHttpResponse:
        payment = services.get_payment(by=self.caller, payment_id=payment_id)
        self.audit_read([payment.patient_id], about_id=payment.pk, **emergency_details([payment.patient]))
        printed = receipt_pdf(payment, practice=current_practice(), by=self.caller)
        return download_response([printed], name="receipt.pdf", content_type="application/pdf", size=len(printed))
