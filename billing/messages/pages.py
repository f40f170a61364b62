"""The buttons that send an invoice or a receipt by e-mail."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from billing.invoices.pages import OneInvoice
from billing.invoices.services import get_invoice
from billing.messages import services
from billing.payments.pages import OnePayment
from billing.payments.services import get_payment
from core.admin.access_log import log_page_refusal
from core.errors import Refusal
from core.permissions import Permission


class SendInvoice(OneInvoice):
    http_method_names = ["post"]
    needs = Permission.TAKE_PAYMENTS

    def post(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        invoice = get_invoice(by=self.user, invoice_id=invoice_id)
        try:
            services.send_invoice(by=self.user, invoice_id=invoice_id)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(invoice, mistake=refusal.detail)
        self.done(gettext("The email will be sent soon, but not at night."))
        return redirect("billing-invoice", invoice_id)


class SendReceipt(OnePayment):
    http_method_names = ["post"]
    needs = Permission.TAKE_PAYMENTS

    def post(self, request: HttpRequest, payment_id: UUID) -> HttpResponse:
        payment = get_payment(by=self.user, payment_id=payment_id)
        try:
            services.send_receipt(by=self.user, payment_id=payment_id)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(payment, refusal.detail)
        self.done(gettext("The email will be sent soon, but not at night."))
        return redirect("billing-payment", payment_id)
