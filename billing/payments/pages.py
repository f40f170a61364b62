"""Pages of payments: taking one, and what became of one."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.validators import MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from audit.events import AuditEvent
from billing.invoices.pages import OneInvoice
from billing.invoices.serializers import MAX_REASON_LENGTH
from billing.invoices.services import get_invoice
from billing.models import Invoice, LedgerEntry, OnlineRefund
from billing.models.ledger import BY_HAND
from billing.money import label, to_decimal, to_minor
from billing.payments import services
from billing.payments.pdf import receipt_pdf
from billing.payments.serializers import allocations_of
from core.admin.access_log import log_page_refusal
from core.errors import Invalid, Refusal
from core.forms import CheckedForm, as_uuid
from core.pages import WorkPage, pdf_response
from core.permissions import Permission
from core.texts import READABLE, validate_line
from notifications.messages.planning import ledger_of
from notifications.messages.unsent_reasons import explain
from patients.models import Patient
from patients.restriction.services import get_accessible_chart, visible_chart


def unpaid_of(chart: Patient, first: UUID | None = None) -> list[Invoice]:
    """Return the invoices to pay, this one first and then the oldest."""
    found = Invoice.objects.filter(patient=chart).with_sums().unpaid().order_by("issued_on", "sequence")
    return sorted(found, key=lambda invoice: invoice.pk != first)


def shared_out(minor: int, invoices: Sequence[Invoice]) -> list[dict[str, Any]]:
    """Return what of the amount each invoice gets, in this order."""
    parts = []
    for invoice in invoices:
        part = min(minor, invoice.open)
        if part > 0:
            parts.append({"invoice_id": invoice.pk, "amount": to_decimal(part, invoice.currency)})
        minor -= part
    return parts


class PaymentForm(CheckedForm):
    payment_id = forms.UUIDField()
    amount = forms.DecimalField(min_value=0, max_digits=13, decimal_places=4, label=_("Amount"))
    method = forms.ChoiceField(choices=BY_HAND, label=_("Method"))
    reference = forms.CharField(required=False, max_length=200, validators=[validate_line], label=_("Reference"))
    as_credit = forms.BooleanField(required=False)


class TakePayment(WorkPage):
    """The amount that is open stands there already: from a visit it is the visit, this page, and Save. With `deposit`
    nothing does: it is money for what is still to come."""

    needs = Permission.TAKE_PAYMENTS
    about = LedgerEntry._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        return self.show(get_accessible_chart(self.user, patient_id))

    def show(self, chart: Patient, mistake: str = "") -> HttpResponse:
        chart = visible_chart(self.user, pk=chart.pk).get_or_refuse()
        self.read([chart], kind=AuditEvent.ACCOUNT_READ, about_id=chart.pk)
        invoices = unpaid_of(chart, self._first())
        owed = invoices[0].open if invoices and self._first() else sum(invoice.open for invoice in invoices)
        context = {
            "chart": chart,
            "invoices": invoices,
            "owed": owed,
            "currency": self.request.practice.currency,
            "methods": BY_HAND,
            "payment_id": self.request.POST.get("payment_id") or uuid7(),
            "typed": self.request.POST,
            "is_deposit": "deposit" in self.request.GET,
            "first": self._first(),
            "mistake": mistake,
        }
        return render(self.request, "billing/take_payment.html", context, status=400 if mistake else 200)

    def _first(self) -> UUID | None:
        return as_uuid(self.request.POST.get("invoice") or self.request.GET.get("invoice"))

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        chart = get_accessible_chart(self.user, patient_id)
        try:
            given = dict(PaymentForm(request.POST).validated_data)
            as_credit = given.pop("as_credit")
            minor = to_minor(given["amount"], self.request.practice.currency, field="amount")
            allocations = [] if as_credit else shared_out(minor, unpaid_of(chart, self._first()))
            taken = services.take(by=self.user, patient_id=patient_id, allocations=allocations, **given)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(chart, refusal.message if isinstance(refusal, Invalid) else refusal.detail)
        said = {"amount": label(-taken.amount, taken.currency), "patient": chart.name}
        self.done(gettext("Payment taken: %(amount)s from %(patient)s.") % said)
        return redirect("billing-payment", taken.pk)


class OnePayment(WorkPage):
    needs = Permission.READ_BILLING
    about = LedgerEntry._meta.label

    def show(self, payment: LedgerEntry, mistake: str = "") -> HttpResponse:
        self.read([payment], kind=AuditEvent.PAYMENT_READ, about_id=payment.pk)
        asked = OnlineRefund.objects.filter(payment=payment).values_list("pk", flat=True).first()
        context = {
            "payment": payment,
            "chart": payment.patient,
            "amount": -payment.amount,
            "allocations": allocations_of(payment),
            "refunds": payment.refunds.all(),
            "may_refund": self.user.can(Permission.MANAGE_BILLING) and payment.refundable > 0,
            "may_allocate": self.user.can(Permission.TAKE_PAYMENTS)
            and payment.left > 0
            and bool(unpaid_of(payment.patient)),
            "reopens": payment.allocated > 0,
            "may_mail": self.user.can(Permission.TAKE_PAYMENTS),
            "sent": [(row, explain(row)) for row in ledger_of([payment.pk])],
            # one that was not answered is sent again under its own id; what was refused is over, and the provider would
            # take another amount under its id for the same refund
            "refund_id": asked or uuid7(),
            "typed": self.request.POST,
            "mistake": mistake,
        }
        return render(self.request, "billing/payment.html", context, status=400 if mistake else 200)


class PaymentPage(OnePayment):
    def get(self, request: HttpRequest, payment_id: UUID) -> HttpResponse:
        return self.show(services.get_payment(by=self.user, payment_id=payment_id))


class RefundForm(CheckedForm):
    refund_id = forms.UUIDField()
    amount = forms.DecimalField(
        validators=[MinValueValidator(Decimal("0.0001"), services.NOT_NOTHING)],
        max_digits=13,
        decimal_places=4,
        label=_("Amount"),
    )
    reason = forms.CharField(max_length=MAX_REASON_LENGTH, validators=READABLE, label=_("Reason"))
    write_off = forms.BooleanField(required=False)


class RefundPage(OnePayment):
    http_method_names = ["post"]
    needs = Permission.MANAGE_BILLING

    def post(self, request: HttpRequest, payment_id: UUID) -> HttpResponse:
        payment = services.get_payment(by=self.user, payment_id=payment_id)
        try:
            refunded = services.refund(by=self.user, payment_id=payment_id, **RefundForm(request.POST).validated_data)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(payment, refusal.message if isinstance(refusal, Invalid) else refusal.detail)
        said = {"amount": label(refunded.amount, refunded.currency), "patient": payment.patient.name}
        self.done(gettext("Refunded: %(amount)s to %(patient)s.") % said)
        return redirect("billing-payment", payment_id)


class AllocatePage(OnePayment):
    """Put what is left of the payment towards the oldest invoices."""

    http_method_names = ["post"]
    needs = Permission.TAKE_PAYMENTS

    def post(self, request: HttpRequest, payment_id: UUID) -> HttpResponse:
        payment = services.get_payment(by=self.user, payment_id=payment_id)
        parts = shared_out(payment.left, unpaid_of(payment.patient))
        try:
            services.allocate(by=self.user, payment_id=payment_id, allocations=parts)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(payment, refusal.message if isinstance(refusal, Invalid) else refusal.detail)
        said = {"amount": label(sum(part["amount"] for part in parts), payment.currency)}
        self.done(gettext("Put towards the oldest invoices: %(amount)s.") % said)
        return redirect("billing-payment", payment_id)


class UseCredit(OneInvoice):
    """Pay an invoice with what the patient has paid before."""

    http_method_names = ["post"]
    needs = Permission.TAKE_PAYMENTS

    def post(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        invoice = get_invoice(by=self.user, invoice_id=invoice_id)
        try:
            used = services.use_credit(by=self.user, invoice_id=invoice_id)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(invoice, mistake=refusal.detail)
        said = {"amount": label(used, invoice.currency), "number": invoice.number}
        self.done(gettext("Paid with the credit: %(amount)s of invoice %(number)s.") % said)
        return redirect("billing-invoice", invoice_id)


class PrintReceipt(OnePayment):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, payment_id: UUID) -> HttpResponse:
        payment = services.get_payment(by=self.user, payment_id=payment_id)
        self.read([payment], kind=AuditEvent.PAYMENT_READ, about_id=payment.pk)
        printed = receipt_pdf(payment, practice=self.request.practice, by=self.user)
        return pdf_response(printed, "receipt")
