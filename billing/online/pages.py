"""Pages of online payments: the link to hand on, the page that plays the provider in development, and what payers and
patients see."""

import time
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.passwords.pages import Page
from audit.events import AuditEvent
from billing.models import Checkout, CheckoutState, Invoice
from billing.money import label
from billing.online import services
from core.forms import as_uuid
from core.pages import WorkPage
from core.permissions import Permission
from core.tenancy.scope import practice_scope
from integrations.payments import console, stripe


class PayLinkPage(WorkPage):
    """The link to hand on: to read it out, show it, or paste it into a message."""

    http_method_names = ["post"]
    needs = Permission.TAKE_PAYMENTS
    about = Invoice._meta.label
    template = "billing/online/link.html"

    def post(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        checkout = services.pay_link(by=self.user, invoice_id=invoice_id)
        self.read([checkout], kind=AuditEvent.INVOICE_READ, about_id=invoice_id)
        context = {"checkout": checkout, "invoice": checkout.invoice}
        return render(request, self.template, context)


class PayOwnBill(PayLinkPage):
    needs = Permission.READ_OWN_BILLING
    template = "billing/online/pay_own.html"


class Thanks(Page):
    """Where the provider leads back to, paid or not; who pays need not have an account. It says nothing of anybody."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "billing/online/thanks.html")


class ConsoleCheckout(Page):
    """Plays the provider's page in development: it takes no card, and tells what was paid as Stripe would, by a signed
    call to the same view."""

    def get(self, request: HttpRequest, session: str) -> HttpResponse:
        checkout = self._checkout(session)
        context = {"checkout": checkout, "amount": label(checkout.amount, checkout.currency)}
        return render(request, "billing/online/console.html", context)

    def post(self, request: HttpRequest, session: str) -> HttpResponse:
        checkout = self._checkout(session)
        is_paid = request.POST.get("action") == "pay"
        kind = "completed" if is_paid else "expired"
        body = orjson.dumps(_stripe_event(checkout, kind))
        signature = stripe.signed(body, int(time.time()), settings.STRIPE_WEBHOOK_SECRET)
        if stripe.is_genuine(body, f"t={int(time.time())},v1={signature}"):
            services.take_event(stripe.event_in(body))
        return redirect("pay_thanks")

    def _checkout(self, session: str) -> Checkout:
        practice_id = as_uuid(session.removeprefix(console.PREFIX).partition("_")[0])
        if settings.PAYMENTS_PROVIDER != "console" or practice_id is None:
            raise Http404
        with practice_scope(practice_id):
            checkout = Checkout.objects.filter(session=session, state=CheckoutState.OPEN).first()
        if checkout is None:
            raise Http404
        return checkout


def _stripe_event(checkout: Checkout, kind: str) -> dict[str, Any]:
    """Return the event that Stripe would send."""
    session = {
        "id": checkout.session,
        "object": "checkout.session",
        "amount_total": checkout.amount,
        "currency": checkout.currency.lower(),
        "livemode": False,
        "metadata": {"checkout": str(checkout.pk), "practice": str(checkout.practice_id)},
        "payment_intent": f"pi_{checkout.session}",
        "payment_status": "paid" if kind == "completed" else "unpaid",
        "status": "complete" if kind == "completed" else "expired",
    }
    return {
        "id": f"evt_{checkout.session}_{kind}",
        "type": f"checkout.session.{kind}",
        "livemode": False,
        "data": {"object": session},
    }
