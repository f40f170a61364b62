"""Sending invoices and receipts by e-mail."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from appointments.messages.serializers import MessageShape
from audit.events import AuditEvent
from billing.messages import services
from billing.models import Invoice, LedgerEntry
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission

ALREADY_PLANNED = {"409": "One is on its way already, or there is nothing to send."}


class MailInvoice(ApiView):
    permissions = {"POST": Permission.TAKE_PAYMENTS}
    audit_events = {"POST": AuditEvent.BILL_MAILED}
    audited_model = Invoice._meta.label
    extra_errors = {"POST": NOT_FOUND | ALREADY_PLANNED}

    @extend_schema(
        responses={201: MessageShape},
        summary="Send an invoice by email",
        description="The mail leads to the patient's own page and carries no document. It is sent in the "
        "background and not at night. A patient who wants no mail, or has no address or account, is sent none.",
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        message = services.send_invoice(by=self.caller, invoice_id=invoice_id)
        return Response(MessageShape.to_dict(message), status=201)


class MailReceipt(ApiView):
    permissions = {"POST": Permission.TAKE_PAYMENTS}
    audit_events = {"POST": AuditEvent.BILL_MAILED}
    audited_model = LedgerEntry._meta.label
    extra_errors = {"POST": NOT_FOUND | ALREADY_PLANNED}

    @extend_schema(
        responses={201: MessageShape},
        summary="Send a receipt by email",
        description="As an invoice: the mail leads to the patient's own page.",
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        message = services.send_receipt(by=self.caller, payment_id=payment_id)
        return Response(MessageShape.to_dict(message), status=201)
