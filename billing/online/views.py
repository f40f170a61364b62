"""Links to pay invoices by card, and what Stripe calls."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from billing.models import Invoice
from billing.online import services
from billing.online.serializers import PayLinkShape
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from integrations.payments import stripe
from notifications.providers.views import NotSigned, ProviderCall
from patients.restriction.services import emergency_details


class PayLink(ApiView):
    """Whoever takes payments, and patients for their own invoices."""

    permissions = {"POST": (Permission.TAKE_PAYMENTS, Permission.READ_OWN_BILLING)}
    audit_events = {"POST": AuditEvent.INVOICE_READ}
    audited_model = Invoice._meta.label
    extra_errors = {
        "POST": NOT_FOUND
        | {
            "409": "Nothing of the invoice is open, or online payments are switched off.",
            "503": "The provider can't be reached. Try again: there is one page for each invoice.",
        }
    }

    one_transaction = False  # nothing is locked while the provider is asked

    @extend_schema(
        responses={201: PayLinkShape},
        summary="Get a link to pay an invoice by card",
        description="For what is open of it. The same link until it is paid, has expired, or another amount is open.",
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        checkout = services.pay_link(by=self.caller, invoice_id=invoice_id)
        self.audit_read([checkout.patient_id], about_id=invoice_id, **emergency_details([checkout.patient]))
        return Response(PayLinkShape.to_dict(checkout), status=201)


class StripeCall(ProviderCall):
    """What Stripe calls: the signature is over the bytes that were sent, and is looked at before anything else."""

    def post(self, request: HttpRequest) -> HttpResponse:
        if not stripe.is_genuine(request.body, request.headers.get(stripe.SIGNATURE, "")):
            raise NotSigned
        services.take_event(stripe.event_in(request.body))
        return HttpResponse(status=204)
